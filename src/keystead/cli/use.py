"""Using keys on standard input: encrypt, decrypt, rewrap, sign, verify, MAC."""

from __future__ import annotations

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

_raw_out = click.option("--raw", is_flag=True, help="Print bytes, not base64.")


@click.command(
    cls=Command,
    examples=[
        "echo 'card 4711' | keystead encrypt orders > card.txt",
        "keystead encrypt orders --in dump.bin -c customer=42",
    ],
)
@click.argument("name")
@in_option
@context_option
@aad_option
@_raw_out
@pass_session
def encrypt(
    session: Session, name: str, source: str, context: dict[str, str], aad: bytes, raw: bool
) -> None:
    """Encrypt standard input with a key and print the ciphertext, base64.

    For more than a few megabytes use `keystead file encrypt`.
    """
    reply = session.client.keys.encrypt(name, read_bytes(source), context=context, aad=aad)
    if session.json:
        session.show(reply)
    else:
        write_bytes(reply.ciphertext, raw=raw)


@click.command(
    cls=Command,
    examples=["keystead decrypt < card.txt", "keystead decrypt --in card.txt -c customer=42"],
)
@in_option
@context_option
@aad_option
@click.option("--key", default="", help="Needed only for bare RSA-OAEP ciphertext.")
@click.option("--algorithm", default="", help="For bare RSA-OAEP ciphertext.")
@click.option("--raw", is_flag=True, help="The input is bytes, not base64.")
@pass_session
def decrypt(
    session: Session,
    source: str,
    context: dict[str, str],
    aad: bytes,
    key: str,
    algorithm: str,
    raw: bool,
) -> None:
    """Decrypt standard input (base64) and print the plaintext, byte for byte.

    The ciphertext names its key. A context that was given to encrypt is needed again.
    """
    data = read_bytes(source)
    reply = session.client.keys.decrypt(
        data if raw else from_base64(data), key=key, context=context, aad=aad, algorithm=algorithm
    )
    if session.json:
        session.show(reply)
    else:
        write_bytes(reply.plaintext, raw=True)


@click.command(cls=Command, examples=["keystead rewrap orders < card.txt > card.new.txt"])
@click.argument("name")
@in_option
@context_option
@aad_option
@click.option("--raw", is_flag=True, help="Input and output are bytes, not base64.")
@pass_session
def rewrap(
    session: Session, name: str, source: str, context: dict[str, str], aad: bytes, raw: bool
) -> None:
    """Encrypt ciphertext again with a key's primary version, as after a rotation.

    The plaintext does not leave the server. Context and aad stay as they were.
    """
    data = read_bytes(source)
    reply = session.client.keys.reencrypt(
        name, data if raw else from_base64(data), source_context=context, source_aad=aad
    )
    if session.json:
        session.show(reply)
    else:
        write_bytes(reply.ciphertext, raw=raw)


_algorithm = click.option("--algorithm", default="", help="If the key has several.")
_prehashed = click.option("--prehashed", is_flag=True, help="The input is the digest.")
_format = click.option(
    "--format",
    "signature_format",
    type=click.Choice(["der", "raw"]),
    default="der",
    show_default=True,
    help="For ECDSA.",
)
_context_string = click.option(
    "--context-string", type=text_or_file, default="", help="For ML-DSA: at most 255 bytes."
)


@click.command(
    cls=Command,
    examples=[
        "keystead sign release --in app.tar.gz > app.sig",
        "openssl dgst -sha256 -binary app.tar.gz | keystead sign release --prehashed",
    ],
)
@click.argument("name")
@in_option
@_algorithm
@_prehashed
@_format
@_context_string
@_raw_out
@pass_session
def sign(
    session: Session,
    name: str,
    source: str,
    algorithm: str,
    prehashed: bool,
    signature_format: str,
    context_string: bytes,
    raw: bool,
) -> None:
    """Sign standard input with a key and print the signature, base64."""
    reply = session.client.keys.sign(
        name,
        read_bytes(source),
        algorithm=algorithm,
        prehashed=prehashed,
        signature_format=signature_format,
        context_string=context_string,
    )
    if session.json:
        session.show(reply)
    else:
        write_bytes(reply.signature, raw=raw)


@click.command(
    cls=Command, examples=["keystead verify release --signature @app.sig --in app.tar.gz"]
)
@click.argument("name")
@click.option("--signature", type=base64_or_file, required=True, help="The signature to verify.")
@in_option
@version_option
@_algorithm
@_prehashed
@_format
@_context_string
@pass_session
def verify(
    session: Session,
    name: str,
    signature: bytes,
    source: str,
    version: int | None,
    algorithm: str,
    prehashed: bool,
    signature_format: str,
    context_string: bytes,
) -> None:
    """Verify a signature of standard input. Exits 5 if it does not hold."""
    reply = session.client.keys.verify(
        name,
        read_bytes(source),
        signature,
        version=version,
        algorithm=algorithm,
        prehashed=prehashed,
        signature_format=signature_format,
        context_string=context_string,
    )
    if session.json:
        session.show(reply)
    session.say(f"The signature holds, by version {reply.version}.")


@click.command(cls=Command, examples=["keystead mac cookies --in session.json"])
@click.argument("name")
@in_option
@_raw_out
@pass_session
def mac(session: Session, name: str, source: str, raw: bool) -> None:
    """Compute the MAC of standard input and print it, base64."""
    reply = session.client.keys.generate_mac(name, read_bytes(source))
    if session.json:
        session.show(reply)
    else:
        write_bytes(reply.mac, raw=raw)


@click.command(
    "verify-mac",
    cls=Command,
    examples=["keystead verify-mac cookies --mac q8a…= --in session.json"],
)
@click.argument("name")
@click.option("--mac", "mac_bytes", type=base64_or_file, required=True, help="The MAC to verify.")
@in_option
@version_option
@pass_session
def verify_mac(
    session: Session, name: str, mac_bytes: bytes, source: str, version: int | None
) -> None:
    """Verify a MAC of standard input. Exits 5 if it does not hold."""
    reply = session.client.keys.verify_mac(name, read_bytes(source), mac_bytes, version=version)
    if session.json:
        session.show(reply)
    session.say(f"The MAC holds, by version {reply.version}.")
