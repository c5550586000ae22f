"""Ceremonies of share holders and the keyring: rekey, generate-root, rotate-keyring."""

from __future__ import annotations

import secrets

import click

from keystead.cli.command import Group
from keystead.cli.inputs import from_base64, read_secret
from keystead.cli.session import Session, pass_session
from keystead.errors import InvalidRequest

_share_file = click.option(
    "--share-file", metavar="FILE", help="Read the share here; - is standard input."
)
_nonce = click.option("--nonce", required=True, help="The ceremony, as its start printed it.")


@click.group(cls=Group)
def operator() -> None:
    """Rekey, make a root token, rotate the keyring."""


@operator.group()
def rekey() -> None:
    """Replace the unseal shares: start, then each holder gives a share."""


@rekey.command(examples=["keystead operator rekey start --shares 5 --threshold 3"])
@click.option("--shares", default=5, show_default=True, help="How many new shares to make.")
@click.option("--threshold", default=3, show_default=True, help="How many of them unseal.")
@pass_session
def start(session: Session, shares: int, threshold: int) -> None:
    """Begin a rekey; prints the nonce that share holders need."""
    reply = session.client.system.start_rekey(shares=shares, threshold=threshold)
    session.show(reply, brief="nonce")


@rekey.command(examples=["keystead operator rekey share --nonce 5f0c…"])
@_nonce
@_share_file
@pass_session
def share(session: Session, nonce: str, share_file: str | None) -> None:
    """Give one present share; the last needed one prints the new shares."""
    text = read_secret(share_file, "Present share").strip()
    session.show(session.client.system.continue_rekey(nonce, text), brief="shares")


@rekey.command(examples=["keystead operator rekey cancel"])
@pass_session
def cancel(session: Session) -> None:
    """Give up a rekey; the present shares stay as they are."""
    session.show(session.client.system.cancel_rekey())


@operator.group("generate-root")
def generate_root() -> None:
    """Make a root token with the shares: start, shares, decode."""


@generate_root.command("start", examples=["keystead operator generate-root start"])
@pass_session
def start_root(session: Session) -> None:
    """Begin; prints the nonce for share holders and a one-time pad to keep secret.

    The token will come out hidden under the pad, so that the last share holder does not
    learn it.
    """
    import base64

    from keystead.identity.credentials import new_service_token

    pad = secrets.token_bytes(len(new_service_token()))
    reply = session.client.system.start_generate_root(one_time_pad=pad)
    words = {"nonce": reply.nonce, "one_time_pad": base64.b64encode(pad).decode()}
    if session.json:
        from keystead.cli.render import print_json

        print_json(words | {"threshold": reply.threshold})
    else:
        for name, value in words.items():
            click.echo(f"{name}: {value}")


@generate_root.command("share", examples=["keystead operator generate-root share --nonce 5f0c…"])
@_nonce
@_share_file
@pass_session
def share_root(session: Session, nonce: str, share_file: str | None) -> None:
    """Give one share; the last needed one prints the encoded token."""
    text = read_secret(share_file, "Share").strip()
    session.show(session.client.system.continue_generate_root(nonce, text), brief="encoded_token")


@generate_root.command(
    examples=["keystead operator generate-root decode --encoded-token Ab3… --pad-file pad.txt"]
)
@click.option("--encoded-token", required=True, help="What the last share holder saw.")
@click.option("--pad-file", metavar="FILE", help="Read the pad here; - is standard input.")
def decode(encoded_token: str, pad_file: str | None) -> None:
    """Lift the one-time pad from an encoded root token. Asks no server."""
    encoded = from_base64(encoded_token.encode())
    pad = from_base64(read_secret(pad_file, "One-time pad").encode())
    if len(encoded) > len(pad):
        raise InvalidRequest("The pad is not the one of this token.")
    token = bytes(a ^ b for a, b in zip(encoded, pad, strict=False))
    if not token.isascii():
        raise InvalidRequest("The pad is not the one of this token.")
    click.echo(token.decode())


@generate_root.command("cancel", examples=["keystead operator generate-root cancel"])
@pass_session
def cancel_root(session: Session) -> None:
    """Give up making a root token."""
    session.show(session.client.system.cancel_generate_root())


@operator.command(examples=["keystead operator keyring"])
@pass_session
def keyring(session: Session) -> None:
    """Show the keyring's versions."""
    session.show(session.client.system.show_keyring(), brief="active")


@operator.command("rotate-keyring", examples=["keystead operator rotate-keyring"])
@pass_session
def rotate_keyring(session: Session) -> None:
    """Add a keyring version and wrap every namespace's key under it, online."""
    session.show(session.client.system.rotate_keyring(), brief="active")


@operator.command("rewrap-root", examples=["keystead operator rewrap-root"])
@pass_session
def rewrap_root(session: Session) -> None:
    """Make a new root key, online. For automatic seals; with Shamir, rekey does this."""
    session.client.system.rewrap_root()
    session.say("The keyring is wrapped under a new root key.")
