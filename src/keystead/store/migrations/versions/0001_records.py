"""Records, changes and the seal row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "records",
        sa.Column("kind", _text, primary_key=True),
        sa.Column("namespace", _text, primary_key=True),
        sa.Column("id", _text, primary_key=True),
        sa.Column("name", _text),
        sa.Column("parent", _text),
        sa.Column("state", _text),
        sa.Column("expires_at", sa.Double()),
        sa.Column("change", _number, nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
    )
    op.execute(
        "CREATE UNIQUE INDEX records_name ON records (kind, namespace, name) WHERE name IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX records_parent ON records (kind, namespace, parent, id)"
        " WHERE parent IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX records_expiry ON records (kind, expires_at, namespace, id)"
        " WHERE expires_at IS NOT NULL"
    )
    op.create_index("records_namespace", "records", ["namespace"])
    op.create_table(
        "changes",
        sa.Column("number", _number, primary_key=True, autoincrement=False),
        sa.Column("namespace", _text, nullable=False),
        sa.Column("kind", _text, nullable=False),
        sa.Column("id", _text, nullable=False),
        sa.Column("request_id", _text, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
    )
    op.create_index("changes_request", "changes", ["request_id"])
    op.create_table(
        "seal",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("row", sa.LargeBinary(), nullable=False),
    )
