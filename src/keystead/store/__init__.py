"""Records at rest: sealed rows in SQLite or PostgreSQL, transactions, numbered changes."""
