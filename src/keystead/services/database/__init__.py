"""The database engine: accounts made for a time, and accounts whose password is changed.

Work at a database is slow and may fail: it happens between two transactions, never inside
one, in threads of its own and over few connections to each database.
"""
