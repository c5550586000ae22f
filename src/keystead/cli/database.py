"""Databases: accounts made for a time, and accounts whose password is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from keystead.cli.command import Group
from keystead.cli.inputs import duration, read_secret, text_or_file
from keystead.cli.session import Session, pass_session

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def _sql(_context: object, _parameter: object, given: tuple[bytes, ...]) -> list[str] | None:
    return [text.decode() for text in given] or None


def _statements(name: str, help: str) -> Callable[[CommandT], CommandT]:
    return click.option(
        name, type=text_or_file, multiple=True, callback=_sql, metavar="SQL", help=help
    )


_mount = click.option("--mount", default="database", help="Where databases are mounted.")


@click.group(cls=Group)
def database() -> None:
    """Accounts at databases: made for a time, or kept with changing passwords.

    A NAME begins with the mount's path: database/orders.
    """


# --- connections --------------------------------------------------------------------------


@database.group()
def config() -> None:
    """How databases are reached."""


@config.command(
    examples=[
        "keystead database config write database/orders --plugin postgresql-database-plugin"
        " --url 'postgresql://{{username}}:{{password}}@db:5432/orders' --username keystead"
        " --password-file admin.txt --allow readonly",
        "keystead database config write database/orders --allow '*'",
    ]
)
@click.argument("name")
@click.option("--plugin", help="postgresql-database-plugin or mysql-database-plugin.")
@click.option("--url", help="Where it is, with {{username}} and {{password}} in place of these.")
@click.option("--username", help="As whom Keystead logs in.")
@click.option("--password-file", metavar="FILE", help="With which password; - is standard input.")
@click.option("--allow", multiple=True, help="Role that may have accounts there, repeatable.")
@click.option("--password-policy", "policy", help="Password policy of new passwords.")
@click.option("--username-template", help="How new accounts are called.")
@click.option("--max-open-connections", type=int, help="At most so many at once.")
@click.option("--verify/--no-verify", default=None, help="Whether to connect before writing.")
@_statements("--rotate-root", "How its own password is changed; or @FILE.")
@pass_session
def write(
    session: Session,
    /,
    name: str,
    plugin: str | None,
    url: str | None,
    username: str | None,
    password_file: str | None,
    allow: tuple[str, ...],
    policy: str | None,
    username_template: str | None,
    max_open_connections: int | None,
    verify: bool | None,
    rotate_root: list[str] | None,
) -> None:
    """Say how a database is reached; what is not given stays."""
    from keystead.operations.database import ConfigureDatabase

    operation = ConfigureDatabase(
        name=name,
        plugin=plugin,
        connection_url=url,
        username=username,
        password=read_secret(password_file, "Password") if password_file else None,
        allowed_roles=list(allow) or None,
        password_policy=policy,
        username_template=username_template,
        max_open_connections=max_open_connections,
        verify_connection=verify,
        root_rotation_statements=rotate_root,
    )
    session.show(session.client(operation), brief="name")


@config.command(examples=["keystead database config show database/orders"])
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show how a database is reached; never its password."""
    from keystead.operations.database import ShowDatabase

    session.show(session.client(ShowDatabase(name=name)), brief="connection_url")


@config.command("list", examples=["keystead database config list"])
@_mount
@pass_session
def list_configs(session: Session, mount: str) -> None:
    """List the databases at a mount."""
    from keystead.operations.database import ListDatabases

    session.show_all(ListDatabases(mount=mount, limit=1000), brief="name", columns=())


@config.command(examples=["keystead database config delete database/orders"])
@click.argument("name")
@pass_session
def delete(session: Session, name: str) -> None:
    """Forget how a database is reached. Revoke its leases first."""
    from keystead.operations.database import DeleteDatabase

    session.client(DeleteDatabase(name=name))
    session.say(f"Database {name} is forgotten.")


@config.command(examples=["keystead database config reset database/orders"])
@click.argument("name")
@pass_session
def reset(session: Session, name: str) -> None:
    """Close all connections to a database, and try a new one."""
    from keystead.operations.database import ResetDatabase

    session.client(ResetDatabase(name=name))
    session.say(f"Database {name} is reached anew.")


@config.command(examples=["keystead database config reload postgresql-database-plugin"])
@click.argument("plugin")
@_mount
@pass_session
def reload(session: Session, plugin: str, mount: str) -> None:
    """Close all connections to the databases of one sort."""
    from keystead.operations.database import ReloadDatabases

    session.show(session.client(ReloadDatabases(plugin=plugin, mount=mount)), brief="name")


@database.command("rotate-root", examples=["keystead database rotate-root database/orders"])
@click.argument("name")
@pass_session
def rotate_root(session: Session, name: str) -> None:
    """Change the password with which Keystead itself logs in. Nobody else will know it."""
    from keystead.operations.database import RotateDatabaseRoot

    session.client(RotateDatabaseRoot(name=name))
    session.say(f"Keystead's password at {name} is changed.")


# --- accounts for a time ------------------------------------------------------------------


@database.group()
def role() -> None:
    """What accounts for a time are made with."""


@role.command(
    "write",
    examples=[
        "keystead database role write database/readonly --database orders --create @readonly.sql"
        " --ttl 1h --max-ttl 24h"
    ],
)
@click.argument("name")
@click.option("--database", help="Name of the database at the same mount.")
@_statements("--create", "How an account is made; or @FILE. Repeatable.")
@_statements("--revoke", "How it is taken back, if not in the usual way.")
@_statements("--rollback", "How a half made one is taken back.")
@_statements("--renew", "How it is prolonged, if not in the usual way.")
@click.option("--ttl", type=duration, help="How long it holds.")
@click.option("--max-ttl", type=duration, help="How long at most, with all renewals.")
@pass_session
def write_role(
    session: Session,
    /,
    name: str,
    database: str | None,
    create: list[str] | None,
    revoke: list[str] | None,
    rollback: list[str] | None,
    renew: list[str] | None,
    ttl: int | None,
    max_ttl: int | None,
) -> None:
    """Create or change a role; what is not given stays."""
    from keystead.operations.database import WriteDatabaseRole

    session.client(
        WriteDatabaseRole(
            name=name,
            database=database,
            creation_statements=create,
            revocation_statements=revoke,
            rollback_statements=rollback,
            renew_statements=renew,
            default_ttl_seconds=ttl,
            max_ttl_seconds=max_ttl,
        )
    )
    session.say(f"Role {name} is written.")


@role.command("show", examples=["keystead database role show database/readonly"])
@click.argument("name")
@pass_session
def show_role(session: Session, name: str) -> None:
    """Show a role."""
    from keystead.operations.database import ShowDatabaseRole

    session.show(session.client(ShowDatabaseRole(name=name)), brief="database")


@role.command("list", examples=["keystead database role list"])
@_mount
@pass_session
def list_roles(session: Session, mount: str) -> None:
    """List the roles at a mount."""
    from keystead.operations.database import ListDatabaseRoles

    session.show_all(ListDatabaseRoles(mount=mount, limit=1000), brief="name", columns=())


@role.command("delete", examples=["keystead database role delete database/readonly"])
@click.argument("name")
@pass_session
def delete_role(session: Session, name: str) -> None:
    """Delete a role. Accounts made with it hold until their leases end."""
    from keystead.operations.database import DeleteDatabaseRole

    session.client(DeleteDatabaseRole(name=name))
    session.say(f"Role {name} is deleted.")


@database.command(examples=["keystead database creds database/readonly -o json"])
@click.argument("name")
@pass_session
def creds(session: Session, name: str) -> None:
    """Make an account by a role, and lease it."""
    from keystead.operations.database import IssueDatabaseCredentials

    session.show(session.client(IssueDatabaseCredentials(name=name)), brief="password")


# --- accounts that stay -------------------------------------------------------------------


@database.group("static-role")
def static_role() -> None:
    """Accounts that stay, whose password Keystead changes."""


@static_role.command(
    "write",
    examples=[
        "keystead database static-role write database/report --database orders --username report"
        " --every 24h",
        "keystead database static-role write database/report --schedule '0 3 * * SUN' --window 1h",
    ],
)
@click.argument("name")
@click.option("--database", help="Name of the database at the same mount.")
@click.option("--username", help="Whose password is changed.")
@_statements("--rotate", "How it is changed, if not in the usual way; or @FILE.")
@click.option("--every", type=duration, help="How often.")
@click.option("--schedule", help="When instead: a cron expression, in UTC.")
@click.option("--window", type=duration, help="With a schedule: how late is too late.")
@click.option("--later", is_flag=True, help="Do not change it before the first rotation is due.")
@pass_session
def write_static_role(
    session: Session,
    /,
    name: str,
    database: str | None,
    username: str | None,
    rotate: list[str] | None,
    every: int | None,
    schedule: str | None,
    window: int | None,
    later: bool,
) -> None:
    """Create or change a static role; what is not given stays."""
    from keystead.operations.database import WriteStaticRole

    session.client(
        WriteStaticRole(
            name=name,
            database=database,
            username=username,
            rotation_statements=rotate,
            rotation_period_seconds=every,
            rotation_schedule=schedule,
            rotation_window_seconds=window,
            skip_import_rotation=later,
        )
    )
    session.say(f"Static role {name} is written.")


@static_role.command("show", examples=["keystead database static-role show database/report"])
@click.argument("name")
@pass_session
def show_static_role(session: Session, name: str) -> None:
    """Show a static role."""
    from keystead.operations.database import ShowStaticRole

    session.show(session.client(ShowStaticRole(name=name)), brief="username")


@static_role.command("list", examples=["keystead database static-role list"])
@_mount
@pass_session
def list_static_roles(session: Session, mount: str) -> None:
    """List the static roles at a mount."""
    from keystead.operations.database import ListStaticRoles

    session.show_all(ListStaticRoles(mount=mount, limit=1000), brief="name", columns=())


@static_role.command("rotate", examples=["keystead database static-role rotate database/report"])
@click.argument("name")
@pass_session
def rotate_static_role(session: Session, name: str) -> None:
    """Change the password now."""
    from keystead.operations.database import RotateStaticRole

    session.client(RotateStaticRole(name=name))
    session.say(f"The password of {name} is changed.")


@static_role.command("delete", examples=["keystead database static-role delete database/report"])
@click.argument("name")
@pass_session
def delete_static_role(session: Session, name: str) -> None:
    """Delete a static role. The account stays, with the password it has."""
    from keystead.operations.database import DeleteStaticRole

    session.client(DeleteStaticRole(name=name))
    session.say(f"Static role {name} is deleted.")


@database.command("static-creds", examples=["keystead database static-creds database/report -q"])
@click.argument("name")
@pass_session
def static_creds(session: Session, name: str) -> None:
    """Read the present password of a static role's account."""
    from keystead.operations.database import ReadStaticCredentials

    session.show(session.client(ReadStaticCredentials(name=name)), brief="password")
