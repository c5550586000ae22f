"""Alembic's entry: runs the migrations on the connection that it is given."""

from alembic import context

from keystead.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    transactional_ddl=False,  # the caller's transaction holds them all
)
context.run_migrations()
