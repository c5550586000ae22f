"""Where the root key comes from, and the keys it guards.

Root key (outside the database) → keyring (versioned) → namespace KEK → rows.
"""
