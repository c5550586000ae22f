"""Both ways to a schema give the same one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from keystead.errors import ConfigurationError
from keystead.store import schema
from keystead.store.engines import open_engine
from keystead.store.migrate import migrate, prepare_schema


def _described(connection: Connection) -> dict[str, Any]:
    tables = inspect(connection)
    return {
        table: {
            "columns": [{**c, "type": repr(c["type"])} for c in tables.get_columns(table)],
            "key": tables.get_pk_constraint(table),
            "indexes": [
                {**i, "dialect_options": {k: str(v) for k, v in i["dialect_options"].items()}}
                for i in sorted(tables.get_indexes(table), key=lambda i: str(i["name"]))
            ],
        }
        for table in sorted(tables.get_table_names())
    }


def test_migrations_from_nothing_give_the_schema_of_a_new_database(store_url: str) -> None:
    engine = open_engine(store_url)
    with engine.connect() as connection:
        with connection.begin():
            migrate(connection)
            migrated = _described(connection)
            revision = connection.execute(schema.alembic_version.select()).scalar_one()
        with connection.begin():
            schema.metadata.drop_all(connection)
    assert set(migrated) == set(schema.metadata.tables)
    prepare_schema(engine)
    with engine.connect() as connection:
        assert _described(connection) == migrated
    assert revision == schema.REVISION
    engine.dispose()


def test_the_stamp_of_a_new_database_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "keystead.store:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.REVISION


def test_preparing_twice_changes_nothing(store_url: str) -> None:
    engine = open_engine(store_url)
    prepare_schema(engine)
    prepare_schema(engine)
    engine.dispose()


def test_a_schema_newer_than_this_version_is_refused(store_url: str) -> None:
    engine = open_engine(store_url)
    prepare_schema(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError):
        prepare_schema(engine)
    engine.dispose()


def test_a_new_sqlite_database_needs_neither_alembic_nor_postgresql(tmp_path: Path) -> None:
    program = (
        "import sys; from keystead.store.store import Store; "
        f"s = Store('sqlite:///{tmp_path}/k.db'); s.prepare(); s.close(); "
        "unwanted = {'alembic', 'psycopg', 'sqlalchemy.dialects.postgresql'} & set(sys.modules); "
        "assert not unwanted, unwanted"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense", "sqlite:////no/where/k.db"],
)
def test_storage_urls_that_cannot_work_are_refused_at_start(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_engine(url)


def test_the_database_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "k.db"
    engine = open_engine(f"sqlite:///{path}")
    prepare_schema(engine)
    assert path.stat().st_mode & 0o077 == 0
    engine.dispose()
