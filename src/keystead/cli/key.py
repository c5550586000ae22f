"""Keys: create, import, list, show, update, rotate, and the states of their life."""

from __future__ import annotations

from typing import Any

import click

from keystead.cli.command import Group
from keystead.cli.inputs import duration, pair, read_bytes, version_option, write_bytes
from keystead.cli.session import Session, pass_session

LIST_COLUMNS = ("name", "spec", "usage", "state", "primary_version", "created_at", "id")
_tags = click.option(
    "--tag", "tags", type=pair, metavar="NAME=VALUE", multiple=True, help="Tag, repeatable."
)
_required_context = click.option(
    "--require-context",
    "required_context",
    multiple=True,
    metavar="NAME",
    help="Encryption-context entry that every use must give, repeatable.",
)
_description = click.option("--description", default="", help="What the key is for.")


@click.group(cls=Group)
def key() -> None:
    """Create, import, rotate and destroy keys."""


@key.command(
    examples=[
        "keystead key create orders",
        "keystead key create release --spec ed25519 --tag team=web",
        "keystead key create pii --require-context customer",
    ]
)
@click.argument("name")
@click.option("--spec", default="xaes-256-gcm", show_default=True, help="Kind of key.")
@click.option("--usage", default="", help="What for, if the spec has several uses.")
@click.option("--exportable", is_flag=True, help="Let the material be exported.")
@_required_context
@_tags
@_description
@click.option("--owner", default="", help="Whose key it is.")
@click.option("--classification", default="", help="How sensitive what it protects is.")
@click.option(
    "--grace",
    "grace_seconds",
    type=duration,
    default="10m",
    show_default=True,
    help="How long it works on while the database is away.",
)
@click.option("--inactive", is_flag=True, help="Make it pre-active: `key enable` starts it.")
@pass_session
def create(
    session: Session, /, name: str, inactive: bool, tags: tuple[tuple[str, str], ...], **given: Any
) -> None:
    """Create a key.

    Specs: xaes-256-gcm, aes-256-gcm, aes-128-gcm, chacha20-poly1305, aes-256-siv;
    hmac-sha256, -384, -512; rsa-2048, -3072, -4096; ec-p256, ec-p384, ec-p521,
    ec-secp256k1; ed25519, x25519; ml-dsa-44, -65, -87; ml-kem-768, ml-kem-1024,
    x25519-ml-kem-768.
    """
    reply = session.client.keys.create(name, tags=dict(tags), activate=not inactive, **given)
    session.show(reply, brief="id")


@key.command(
    "import",
    examples=[
        "keystead key import legacy --spec rsa-3072 --in private.pem",
        "openssl rand 32 | keystead key import old --spec aes-256-gcm",
        "keystead key import hsm --wrapped wrapped.bin --wrapping-key 01f3…",
    ],
)
@click.argument("name")
@click.option("--spec", default="xaes-256-gcm", show_default=True, help="Kind of key.")
@click.option("--usage", default="", help="What for, if the spec has several uses.")
@click.option(
    "--in", "source", default="-", metavar="FILE", help="The material: raw bytes, DER or PEM."
)
@click.option("--wrapped", metavar="FILE", help="Material that another system has wrapped.")
@click.option("--wrapping-key", metavar="ID", help="The wrapping key that it is wrapped for.")
@click.option("--new-version", is_flag=True, help="Add a version to the key of this name.")
@click.option("--exportable", is_flag=True, help="Let the material be exported.")
@_required_context
@_tags
@_description
@pass_session
def import_key(
    session: Session,
    /,
    name: str,
    source: str,
    wrapped: str | None,
    wrapping_key: str | None,
    tags: tuple[tuple[str, str], ...],
    **given: Any,
) -> None:
    """Import a key that was made elsewhere.

    The material is wrapped on this machine under a short-lived key of the server's
    (RSA-OAEP with AES key wrap), so that no proxy or log on the way sees it.
    """
    if bool(wrapped) != bool(wrapping_key):
        raise click.UsageError("--wrapped and --wrapping-key go together.")
    if wrapped and wrapping_key:
        bundle = read_bytes(wrapped)
    else:
        from keystead.client.byok import wrap_for

        server_key = session.client.keys.create_wrapping_key()
        bundle, wrapping_key = wrap_for(server_key, read_bytes(source)), server_key.id
    reply = session.client.keys.import_(name, bundle, wrapping_key, tags=dict(tags), **given)
    session.show(reply, brief="id")


@key.command("wrapping-key", examples=["keystead key wrapping-key -o json"])
@click.option(
    "--spec",
    default="rsa-3072",
    show_default=True,
    help="rsa-… for RSA-OAEP with AES key wrap; x25519 or x25519-ml-kem-768 for HPKE.",
)
@pass_session
def wrapping_key(session: Session, spec: str) -> None:
    """Make a short-lived wrapping key for material that another system wraps."""
    session.show(session.client.keys.create_wrapping_key(spec=spec), brief="public_key")


@key.command("list", examples=["keystead key list", "keystead key list --state active -q"])
@click.option("--state", default="", help="Only keys in this state.")
@click.option("--tag", default="", metavar="NAME=VALUE", help="Only keys with this tag.")
@click.option("--prefix", default="", help="Only names that begin so.")
@pass_session
def list_keys(session: Session, state: str, tag: str, prefix: str) -> None:
    """List keys."""
    from keystead.operations.keys import ListKeys

    operation = ListKeys(state=state, tag=tag, prefix=prefix, limit=1000)
    session.show_all(operation, brief="name", columns=LIST_COLUMNS)


@key.command(examples=["keystead key show orders"])
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show a key, its versions and its public parts."""
    session.show(session.client.keys.show(name), brief="id")


@key.command(examples=["keystead key public release > release.pem"])
@click.argument("name")
@version_option
@pass_session
def public(session: Session, name: str, version: int | None) -> None:
    """Print the public key, PEM."""
    from keystead.errors import NotFound

    view = session.client.keys.show(name)
    wanted = version or view.primary_version
    pem = next((v.public_key for v in view.versions if v.version == wanted), None)
    if pem is None:
        raise NotFound("This key has no such public part.", key=name, version=wanted)
    click.echo(pem, nl=not pem.endswith("\n"))


@key.command(
    examples=[
        "keystead key update orders --description 'Order data' --tag team=shop",
        "keystead key update orders --primary-version 2",
    ]
)
@click.argument("name")
@click.option("--description", help="What the key is for.")
@click.option("--owner", help="Whose key it is.")
@click.option("--classification", help="How sensitive what it protects is.")
@click.option(
    "--tag",
    "tags",
    type=pair,
    metavar="NAME=VALUE",
    multiple=True,
    help="The tags it shall have now.",
)
@click.option("--no-tags", is_flag=True, help="Take all tags away.")
@_required_context
@click.option("--no-required-context", is_flag=True, help="Require no context any more.")
@click.option("--not-exportable", is_flag=True, help="Forbid export, for good.")
@click.option("--grace", "grace_seconds", type=duration, help="See `key create`.")
@click.option("--primary-version", type=int, help="The version that protects from now on.")
@pass_session
def update(
    session: Session,
    /,
    name: str,
    tags: tuple[tuple[str, str], ...],
    no_tags: bool,
    required_context: tuple[str, ...],
    no_required_context: bool,
    not_exportable: bool,
    **given: Any,
) -> None:
    """Change what is given and leave the rest; tags and required context as a whole."""
    reply = session.client.keys.update(
        name,
        tags=dict(tags) if tags or no_tags else None,
        required_context=required_context if required_context or no_required_context else None,
        exportable=False if not_exportable else None,
        **given,
    )
    session.show(reply, brief="id")


@key.group()
def alias() -> None:
    """Other names of a key."""


@alias.command("add", examples=["keystead key alias add orders current", "… --move"])
@click.argument("name")
@click.argument("alias_name", metavar="ALIAS")
@click.option("--move", is_flag=True, help="Take it from the key that has it.")
@pass_session
def add_alias(session: Session, name: str, alias_name: str, move: bool) -> None:
    """Give a key another name."""
    session.show(session.client.keys.add_alias(name, alias_name, move=move), brief="id")


@alias.command("remove", examples=["keystead key alias remove orders current"])
@click.argument("name")
@click.argument("alias_name", metavar="ALIAS")
@pass_session
def remove_alias(session: Session, name: str, alias_name: str) -> None:
    """Take an alias away."""
    session.show(session.client.keys.remove_alias(name, alias_name), brief="id")


@key.command(examples=["keystead key rotate orders"])
@click.argument("name")
@pass_session
def rotate(session: Session, name: str) -> None:
    """Make a new version primary; old ones still decrypt and verify."""
    session.show(session.client.keys.rotate(name), brief="primary_version")


@key.command(examples=["keystead key enable orders"])
@click.argument("name")
@version_option
@pass_session
def enable(session: Session, name: str, version: int | None) -> None:
    """Make a pre-active or suspended key active."""
    session.show(session.client.keys.enable(name, version=version), brief="state")


@key.command(examples=["keystead key disable orders", "keystead key disable orders --version 1"])
@click.argument("name")
@version_option
@pass_session
def disable(session: Session, name: str, version: int | None) -> None:
    """Suspend a key: nothing works with it until it is enabled."""
    session.show(session.client.keys.disable(name, version=version), brief="state")


@key.command(examples=["keystead key deactivate orders"])
@click.argument("name")
@version_option
@pass_session
def deactivate(session: Session, name: str, version: int | None) -> None:
    """Stop protecting with a key; it still decrypts and verifies."""
    session.show(session.client.keys.deactivate(name, version=version), brief="state")


@key.command(examples=["keystead key compromise orders --version 1"])
@click.argument("name")
@version_option
@pass_session
def compromise(session: Session, name: str, version: int | None) -> None:
    """Mark a key compromised: it opens what it protected, and no more."""
    session.show(session.client.keys.compromise(name, version=version), brief="state")


@key.command(
    examples=["keystead key destroy orders", "keystead key destroy orders --wait 7d --version 1"]
)
@click.argument("name")
@click.option(
    "--wait", type=duration, default="30d", show_default=True, help="At least a day (1d)."
)
@version_option
@pass_session
def destroy(session: Session, name: str, wait: int, version: int | None) -> None:
    """Schedule destruction; until then `key restore` cancels it."""
    reply = session.client.keys.destroy(name, wait_seconds=wait, version=version)
    session.show(reply, brief="destroy_at")


@key.command(examples=["keystead key restore orders"])
@click.argument("name")
@version_option
@pass_session
def restore(session: Session, name: str, version: int | None) -> None:
    """Cancel a scheduled destruction; the key comes back suspended."""
    session.show(session.client.keys.restore(name, version=version), brief="state")


@key.command(examples=["keystead key export orders --raw > orders.key"])
@click.argument("name")
@version_option
@click.option("--raw", is_flag=True, help="Print bytes, not base64.")
@pass_session
def export(session: Session, name: str, version: int | None, raw: bool) -> None:
    """Print the material of an exportable key, base64."""
    reply = session.client.keys.export(name, version=version)
    if session.json:
        session.show(reply)
    else:
        write_bytes(reply.material, raw=raw)


@key.command("attest-public", examples=["keystead key attest-public release"])
@click.argument("name")
@version_option
@pass_session
def attest_public(session: Session, name: str, version: int | None) -> None:
    """Print a signed statement of whose public key it is and how it is kept."""
    session.show(session.client.keys.attest_public(name, version=version), brief="note")


@key.command(examples=["keystead key usage orders"])
@click.argument("name")
@pass_session
def usage(session: Session, name: str) -> None:
    """Show use counts and last use by version and principal."""
    session.show(session.client.keys.usage(name))
