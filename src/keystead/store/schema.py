"""The tables: one schema for SQLite and PostgreSQL.

The database is not trusted. It finds rows by plain columns; what a row means is in its
sealed blob, which is bound to those columns (see ``rows``).
"""

from __future__ import annotations

from sqlalchemy import (
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


def _index(name: str, *columns: str, over: str, unique: bool = False) -> None:
    present = records.c[over].is_not(None)
    Index(
        name,
        *(records.c[column] for column in columns),
        unique=unique,
        sqlite_where=present,
        postgresql_where=present,
    )


_index("records_name", "kind", "namespace", "name", over="name", unique=True)
_index("records_parent", "kind", "namespace", "parent", "id", over="parent")
_index("records_expiry", "kind", "expires_at", "namespace", "id", over="expires_at")
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
