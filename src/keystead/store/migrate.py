"""Bring a database to the schema of this version of Keystead."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, inspect, text

from keystead.errors import ConfigurationError
from keystead.store import schema
from keystead.store.engines import for_writing, lock_schema

_STAMP = text("INSERT INTO alembic_version (version_num) VALUES (:revision)")


def prepare_schema(engine: Engine) -> None:
    """Create the schema, or migrate an older one, in one transaction.

    A new database is made from the metadata at once, which spares a fresh start the import
    of Alembic. Raises ConfigurationError if the schema is of a version not known here.
    """
    connection = engine.connect()
    if engine.dialect.name == "sqlite":
        connection = for_writing(connection)
    with connection, connection.begin():
        lock_schema(connection)
        present = _revision(connection)
        if present is None:
            schema.metadata.create_all(connection)
            connection.execute(_STAMP, {"revision": schema.REVISION})
        elif present != schema.REVISION:
            migrate(connection)


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing, inside the connection's transaction."""
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", "keystead.store:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise ConfigurationError(
            "The database's schema is not of this version of Keystead.",
            hint="Start the version that last ran on it, or a newer one.",
        ) from None


def _revision(connection: Connection) -> str | None:
    """The schema's revision; None for a database without one."""
    if not inspect(connection).has_table(schema.alembic_version.name):
        return None
    return str(connection.execute(schema.alembic_version.select()).scalar_one())
