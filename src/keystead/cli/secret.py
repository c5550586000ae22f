"""Secrets that keys make: data keys, wrapped keys, derived and shared secrets, randomness."""

from __future__ import annotations

from typing import Any

import click

from keystead.cli.command import Command
from keystead.cli.inputs import (
    aad_option,
    base64_or_file,
    context_option,
    from_base64,
    in_option,
    read_bytes,
    text_or_file,
    version_option,
    write_bytes,
)
from keystead.cli.session import Session, pass_session

_no_plaintext = click.option(
    "--no-plaintext", is_flag=True, help="Give the encrypted form alone, to be opened later."
)
_format = click.option(
    "--format",
    type=click.Choice(["keystead", "aes-kw", "aes-kwp"]),
    default="keystead",
    show_default=True,
    help="Own form, RFC 3394 or RFC 5649.",
)
_raw_in = click.option("--raw", is_flag=True, help="The input is bytes, not base64.")


@click.command(
    cls=Command,
    examples=["keystead datakey orders -o json", "keystead datakey orders --no-plaintext -q"],
)
@click.argument("name")
@click.option("--length", default=32, show_default=True, help="In bytes.")
@context_option
@aad_option
@_no_plaintext
@pass_session
def datakey(session: Session, /, name: str, no_plaintext: bool, **given: Any) -> None:
    """Make a random data key, in clear and encrypted under a key."""
    reply = session.client.keys.generate_data_key(name, with_plaintext=not no_plaintext, **given)
    session.show(reply, brief="ciphertext")


@click.command(
    "datakey-pair",
    cls=Command,
    examples=["keystead datakey-pair orders --spec ec-p256 --no-plaintext -o json"],
)
@click.argument("name")
@click.option("--spec", required=True, help="Kind of key pair.")
@context_option
@aad_option
@_no_plaintext
@pass_session
def datakey_pair(
    session: Session, /, name: str, spec: str, no_plaintext: bool, **given: Any
) -> None:
    """Make a key pair whose private part is encrypted under a key."""
    reply = session.client.keys.generate_data_key_pair(
        name, spec, with_plaintext=not no_plaintext, **given
    )
    session.show(reply, brief="private_key_ciphertext")


@click.command(cls=Command, examples=["keystead wrap master --format aes-kwp < device.key"])
@click.argument("name")
@in_option
@_format
@context_option
@click.option("--raw", is_flag=True, help="Print bytes, not base64.")
@pass_session
def wrap(
    session: Session, name: str, source: str, format: str, context: dict[str, str], raw: bool
) -> None:
    """Wrap the key material on standard input (bytes) and print it, base64."""
    reply = session.client.keys.wrap(name, read_bytes(source), format=format, context=context)
    if session.json:
        session.show(reply)
    else:
        write_bytes(reply.wrapped, raw=raw)


@click.command(cls=Command, examples=["keystead unwrap master < wrapped.txt > device.key"])
@click.argument("name")
@in_option
@_format
@version_option
@context_option
@_raw_in
@pass_session
def unwrap(
    session: Session,
    name: str,
    source: str,
    format: str,
    version: int | None,
    context: dict[str, str],
    raw: bool,
) -> None:
    """Unwrap standard input (base64) and print the key material, byte for byte."""
    data = read_bytes(source)
    reply = session.client.keys.unwrap(
        name,
        data if raw else from_base64(data),
        format=format,
        version=version,
        context=context,
    )
    if session.json:
        session.show(reply)
    else:
        write_bytes(reply.key_material, raw=True)


@click.command(cls=Command, examples=["keystead derive root-2026 --info device-17"])
@click.argument("name")
@click.option("--length", default=32, show_default=True, help="In bytes.")
@click.option("--info", type=text_or_file, default="", help="What the derived key is for.")
@click.option("--salt", type=text_or_file, default="", help="HKDF's salt.")
@context_option
@version_option
@click.option("--raw", is_flag=True, help="Print bytes, not base64.")
@pass_session
def derive(session: Session, /, name: str, raw: bool, **given: Any) -> None:
    """Derive a key (HKDF) and print it, base64."""
    reply = session.client.keys.derive(name, **given)
    if session.json:
        session.show(reply)
    else:
        write_bytes(reply.derived_key, raw=raw)


@click.command(cls=Command, examples=["keystead agree mine --in peer.der"])
@click.argument("name")
@in_option
@version_option
@click.option("--raw", is_flag=True, help="Print bytes, not base64.")
@pass_session
def agree(session: Session, name: str, source: str, version: int | None, raw: bool) -> None:
    """Agree on a secret with the peer whose public key (DER) is on standard input."""
    reply = session.client.keys.agree(name, read_bytes(source), version=version)
    if session.json:
        session.show(reply)
    else:
        write_bytes(reply.shared_secret, raw=raw)


@click.command(cls=Command, examples=["keystead encapsulate pq -o json"])
@click.argument("name")
@pass_session
def encapsulate(session: Session, name: str) -> None:
    """Make a shared secret and its encapsulation for a key."""
    session.show(session.client.keys.encapsulate(name), brief="ciphertext")


@click.command(cls=Command, examples=["keystead decapsulate pq --ciphertext @sealed.txt"])
@click.argument("name")
@click.option("--ciphertext", type=base64_or_file, required=True, help="The encapsulation.")
@version_option
@click.option("--raw", is_flag=True, help="Print bytes, not base64.")
@pass_session
def decapsulate(
    session: Session, name: str, ciphertext: bytes, version: int | None, raw: bool
) -> None:
    """Recover the shared secret of an encapsulation and print it, base64."""
    reply = session.client.keys.decapsulate(name, ciphertext, version=version)
    if session.json:
        session.show(reply)
    else:
        write_bytes(reply.shared_secret, raw=raw)


@click.command(cls=Command, examples=["keystead random", "keystead random 16 --hex"])
@click.argument("length", type=int, default=32)
@click.option("--raw", is_flag=True, help="Print bytes, not base64.")
@click.option("--hex", "as_hex", is_flag=True, help="Print hexadecimal.")
@pass_session
def random(session: Session, length: int, raw: bool, as_hex: bool) -> None:
    """Print LENGTH random bytes from the server, base64."""
    reply = session.client.system.generate_random(length=length)
    if session.json:
        session.show(reply)
    elif as_hex:
        click.echo(reply.random.hex())
    else:
        write_bytes(reply.random, raw=raw)
