"""Secrets: values at a path, in versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from keystead.cli.command import Group
from keystead.cli.inputs import duration, pair, read_bytes, read_secret
from keystead.cli.session import Session, pass_session
from keystead.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from keystead.operations.secrets import SecretVersion


@click.group(cls=Group)
def secret() -> None:
    """Keep values such as passwords, in versions."""


_versions = click.option("--version", "versions", type=int, multiple=True, help="Repeatable.")
_cas = click.option("--cas", type=int, help="Only if this is the newest version; 0: if none is.")
_source = click.option(
    "--in", "source", default="-", metavar="FILE", help="Read a JSON object here."
)
_insecure = click.option(
    "--insecure-arguments",
    is_flag=True,
    help="Take KEY=VALUE too: others see it in the process list, and your shell remembers it.",
)


# --- values -----------------------------------------------------------------------------


@secret.command(
    examples=["keystead secret get secret/app/db", "keystead secret get secret/app/db -f password"]
)
@click.argument("name")
@click.option("--version", type=int, default=0, help="A version other than the newest.")
@click.option("--field", "-f", help="Print the value of this key alone, as it is.")
@pass_session
def get(session: Session, name: str, version: int, field: str | None) -> None:
    """Print a secret."""
    from keystead.cli import render
    from keystead.operations.secrets import ReadSecret

    reply = session.client(ReadSecret(name=name, version=version))
    if reply.data is None:
        raise _gone(name, reply.version)
    if field is not None:
        click.echo(_as_text(_member(reply.data, field)))
    elif session.json:
        session.show(reply)
    elif session.quiet:
        render.print_line(reply.data)
    else:
        rows = ((key, render.text("", _as_text(value))) for key, value in reply.data.items())
        render.print_rows(("key", "value"), rows)


@secret.command(
    examples=[
        "keystead secret put secret/app/db user=@user.txt password",
        "keystead secret put secret/app/db < secret.json",
    ]
)
@click.argument("name")
@click.argument("fields", nargs=-1, metavar="[KEY=@FILE | KEY=- | KEY]...")
@_source
@_cas
@_insecure
@pass_session
def put(session: Session, /, name: str, cas: int | None, **given: Any) -> None:
    """Write a new version of a secret.

    KEY=@FILE takes a file, KEY=- standard input and KEY alone asks; one line end after a value
    does not belong to it. Without any, a JSON object is read.
    """
    from keystead.operations.secrets import WriteSecret

    reply = session.client(WriteSecret(name=name, data=_data(**given), cas=cas))
    session.show(reply, brief="version")


@secret.command(examples=["keystead secret patch secret/app/db password=@new.txt"])
@click.argument("name")
@click.argument("fields", nargs=-1, metavar="[KEY=@FILE | KEY=- | KEY]...")
@_source
@_cas
@_insecure
@pass_session
def patch(session: Session, /, name: str, cas: int | None, **given: Any) -> None:
    """Write a new version with some values changed, given as for put.

    A JSON object is a merge patch (RFC 7396): null removes a key.
    """
    from keystead.operations.secrets import PatchSecret

    reply = session.client(PatchSecret(name=name, data=_data(**given), cas=cas))
    session.show(reply, brief="version")


@secret.command(examples=["keystead secret keys secret/app/db"])
@click.argument("name")
@click.option("--version", type=int, default=0, help="A version other than the newest.")
@pass_session
def keys(session: Session, name: str, version: int) -> None:
    """Print a secret's keys, and no value, as JSON."""
    from keystead.cli import render
    from keystead.operations.secrets import ReadSubkeys

    reply = session.client(ReadSubkeys(name=name, version=version))
    if reply.subkeys is None:
        raise _gone(name, reply.version)
    render.print_json(reply.subkeys)


# --- taking away ------------------------------------------------------------------------


@secret.command(examples=["keystead secret delete secret/app/db"])
@click.argument("name")
@_versions
@pass_session
def delete(session: Session, name: str, versions: tuple[int, ...]) -> None:
    """Delete the newest version, or those named; undelete brings them back."""
    from keystead.operations.secrets import DeleteSecret

    session.client(DeleteSecret(name=name, versions=list(versions)))
    session.say(f"{_which(versions)} of {name} is deleted.")


@secret.command(examples=["keystead secret undelete secret/app/db --version 3"])
@click.argument("name")
@_versions
@pass_session
def undelete(session: Session, name: str, versions: tuple[int, ...]) -> None:
    """Make deleted versions readable again."""
    from keystead.operations.secrets import UndeleteSecret

    session.client(UndeleteSecret(name=name, versions=_some(versions)))
    session.say(f"{_which(versions)} of {name} can be read.")


@secret.command(examples=["keystead secret destroy secret/app/db --version 1 --version 2 --yes"])
@click.argument("name")
@_versions
@click.confirmation_option("--yes", prompt="These values cannot be brought back. Go on?")
@pass_session
def destroy(session: Session, name: str, versions: tuple[int, ...]) -> None:
    """Remove the values of versions for good."""
    from keystead.operations.secrets import DestroySecret

    session.client(DestroySecret(name=name, versions=_some(versions)))
    session.say(f"{_which(versions)} of {name} is destroyed.")


@secret.command(examples=["keystead secret purge secret/app/db --yes"])
@click.argument("name")
@click.confirmation_option("--yes", prompt="This removes every version for good. Go on?")
@pass_session
def purge(session: Session, name: str) -> None:
    """Remove a secret for good: all versions and all that is known of it."""
    from keystead.operations.secrets import PurgeSecret

    session.client(PurgeSecret(name=name))
    session.say(f"{name} is gone.")


# --- what is there ----------------------------------------------------------------------


@secret.command(
    "list", examples=["keystead secret list secret", "keystead secret list secret/app --details"]
)
@click.argument("folder")
@click.option("--details", is_flag=True, help="Show what is known of each secret too.")
@pass_session
def list_secrets(session: Session, folder: str, details: bool) -> None:
    """List the secrets and folders in a folder."""
    from keystead.cli import render
    from keystead.operations.secrets import ListSecretDetails, ListSecrets

    if not details:
        session.show_all(ListSecrets(folder=folder, limit=1000), brief="names", columns=())
        return
    operation = ListSecretDetails(folder=folder, limit=1000)
    infos = [info for page in session.client.pages(operation) for info in page.secrets]
    if session.json:
        render.print_json(infos)
        return
    rows = []
    for info in infos:
        known = info.secret
        shown = (
            (str(known.current_version), render.text("updated_at", known.updated_at))
            if known
            else ("", "")
        )
        rows.append((render.text("", info.name), *shown))
    render.print_rows(("name", "version", "updated_at"), rows)


@secret.command(examples=["keystead secret history secret/app/db"])
@click.argument("name")
@pass_session
def history(session: Session, name: str) -> None:
    """List the versions of a secret."""
    from keystead.cli import render
    from keystead.operations.secrets import ShowSecret

    reply = session.client(ShowSecret(name=name))
    if session.json:
        session.show(reply)
        return
    if session.quiet:
        for version in reply.versions:
            click.echo(version.version)
        return
    columns = ("version", "created_at", "deletion_at", "destroyed")
    rows = ([render.text(c, getattr(v, c)) for c in columns] for v in reply.versions)
    render.print_rows(columns, rows)


# --- settings ---------------------------------------------------------------------------

_max_versions = click.option("--max-versions", type=int, help="Keep so many; 0: the default.")
_cas_required = click.option(
    "--cas-required/--no-cas-required", default=None, help="Whether each write must give --cas."
)


@secret.command(
    examples=[
        "keystead secret metadata secret/app/db",
        "keystead secret metadata secret/app/db --max-versions 5 --set owner=payments",
    ]
)
@click.argument("name")
@_max_versions
@_cas_required
@click.option("--delete-after", type=duration, help="Delete versions by themselves; 0: never.")
@click.option("--set", "entries", type=pair, multiple=True, help="NAME=VALUE to note. Public.")
@click.option("--unset", multiple=True, help="What to note no more.")
@pass_session
def metadata(
    session: Session,
    name: str,
    max_versions: int | None,
    cas_required: bool | None,
    delete_after: int | None,
    entries: tuple[tuple[str, str], ...],
    unset: tuple[str, ...],
) -> None:
    """Show what is known of a secret, or with options change it."""
    from keystead.operations.secrets import (
        PatchSecretMetadata,
        ShowSecret,
        WriteSecretMetadata,
    )

    given: dict[str, Any] = {
        "max_versions": max_versions,
        "cas_required": cas_required,
        "delete_version_after_seconds": delete_after,
    }
    given = {field: value for field, value in given.items() if value is not None}
    custom = dict(entries) | dict.fromkeys(unset)
    if custom:
        change = {**given, "custom_metadata": custom}
        reply = session.client(PatchSecretMetadata(name=name, patch=change))
    elif given:
        reply = session.client(WriteSecretMetadata(name=name, **given))
    else:
        reply = session.client(ShowSecret(name=name))
    session.show(reply, brief="current_version")


@secret.command(
    examples=[
        "keystead secret store secret",
        "keystead secret store secret --max-versions 20 --cas-required",
    ]
)
@click.argument("path")
@_max_versions
@_cas_required
@click.option("--delete-after", type=duration, help="Delete versions by themselves; 0: never.")
@pass_session
def store(
    session: Session,
    path: str,
    max_versions: int | None,
    cas_required: bool | None,
    delete_after: int | None,
) -> None:
    """Show what holds for all secrets of the store at PATH, or with options change it."""
    from keystead.operations.secrets import ConfigureSecretStore, ShowSecretStore

    if max_versions is None and cas_required is None and delete_after is None:
        session.show(session.client(ShowSecretStore(store=path)))
        return
    reply = session.client(
        ConfigureSecretStore(
            store=path,
            max_versions=max_versions,
            cas_required=cas_required,
            delete_version_after_seconds=delete_after,
        )
    )
    session.show(reply)


# --- what is given and shown ------------------------------------------------------------


def _data(fields: tuple[str, ...], source: str, insecure_arguments: bool) -> dict[str, Any]:
    """The values of a command line; raises InvalidRequest or UsageError."""
    if not fields:
        return _object(source)
    data: dict[str, Any] = {}
    for text in fields:
        key, equals, value = text.partition("=")
        if not key:
            raise click.UsageError("A value has no key.")
        if not equals:
            data[key] = read_secret(None, key)
        elif value == "-" or value.startswith("@"):
            data[key] = read_secret(value.removeprefix("@"), key)
        elif insecure_arguments:
            data[key] = value
        else:
            raise click.UsageError(
                f"The value of {key} stands in the command line, where others can read it. "
                f"Write {key}=@FILE, {key}=- or just {key}; or allow it with "
                "--insecure-arguments."
            )
    return data


def _object(source: str) -> dict[str, Any]:
    import msgspec

    try:
        return msgspec.json.decode(read_bytes(source), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest(
            "The input is not a JSON object.", hint="For one value: KEY=@FILE or KEY=-."
        ) from None


def _member(data: dict[str, Any], field: str) -> Any:
    if field not in data:
        raise NotFound(f"This secret has no key {field}.", key=field)
    return data[field]


def _as_text(value: Any) -> str:
    import msgspec

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _gone(name: str, version: SecretVersion) -> NotFound:
    number = version.version
    if version.destroyed:
        return NotFound(f"Version {number} of {name} is destroyed.", version=number)
    hint = f"keystead secret undelete {name} --version {number}"
    return NotFound(f"Version {number} of {name} is deleted.", hint=hint, version=number)


def _some(versions: tuple[int, ...]) -> list[int]:
    if not versions:
        raise click.UsageError("Say which versions with --version.")
    return list(versions)


def _which(versions: tuple[int, ...]) -> str:
    return f"Version {', '.join(map(str, versions))}" if versions else "The newest version"
