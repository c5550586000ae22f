"""The tables: one schema for SQLite and PostgreSQL.

The database is not trusted. It finds rows by plain columns; what a row means is in its
sealed blob, which is bound to those columns (see ``rows``).
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    event,
)

REVISION = "0001"
"""The Alembic revision that ``metadata`` is; a new database is stamped with it."""

# Names sort by code point on both databases, so that cursors and prefixes mean the same.
_text = Text().with_variant(Text(collation="C"), "postgresql")
_number = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

records = Table(
    "records",
    metadata,
    Column("kind", _text, primary_key=True),
    Column("namespace", _text, primary_key=True),
    Column("id", _text, primary_key=True),
    Column("name", _text),
    Column("parent", _text),
    Column("state", _text),
    Column("expires_at", Double()),
    Column("change", _number, nullable=False),
    Column("blob", LargeBinary(), nullable=False),
)


# Rows without the column stay out of these. Written as SQL, which both databases share,
# because SQLAlchemy's own form imports the dialects of databases not in use.
_PARTIAL_INDEXES = (
    "CREATE UNIQUE INDEX records_name ON records (kind, namespace, name) WHERE name IS NOT NULL",
    "CREATE INDEX records_parent ON records (kind, namespace, parent, id) WHERE parent IS NOT NULL",
    "CREATE INDEX records_expiry ON records (kind, expires_at, namespace, id)"
    " WHERE expires_at IS NOT NULL",
)
for _statement in _PARTIAL_INDEXES:
    event.listen(records, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]
Index("records_namespace", records.c.namespace)

changes = Table(
    "changes",
    metadata,
    Column("number", _number, primary_key=True, autoincrement=False),
    Column("namespace", _text, nullable=False),
    Column("kind", _text, nullable=False),
    Column("id", _text, nullable=False),
    Column("request_id", _text, nullable=False),
    Column("at", Double(), nullable=False),
)
Index("changes_request", changes.c.request_id)

seal = Table(
    "seal",
    metadata,
    Column("id", Integer(), primary_key=True, autoincrement=False),
    Column("row", LargeBinary(), nullable=False),
)

alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32)),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),  # as Alembic makes it
)
