"""What commands take: bytes, secrets, contexts, durations. Secrets are never arguments."""

from __future__ import annotations

import base64
import binascii
import re
import sys
from pathlib import Path

import click

from keystead.errors import InvalidRequest

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def duration(text: str) -> int:
    """Read a number of seconds, or with a unit: 90s, 15m, 12h, 30d."""
    match = re.fullmatch(r"(\d{1,12})([smhd]?)", text, re.ASCII)
    if not match:
        raise click.BadParameter(f"{text!r} is not a duration like 90s, 15m, 12h or 30d.")
    return int(match[1]) * _UNITS[match[2]]


def pair(text: str) -> tuple[str, str]:
    """Read NAME=VALUE."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE.")
    return name, value


def text_or_file(text: str) -> bytes:
    """Read text as UTF-8, or @FILE for a file's bytes. Not for secrets."""
    return read_bytes(text[1:]) if text.startswith("@") else text.encode()


def base64_or_file(text: str) -> bytes:
    """Read base64, or @FILE for a file that holds base64. Not for secrets."""
    return from_base64(text_or_file(text))


context_option = click.option(
    "--context",
    "-c",
    type=pair,
    metavar="NAME=VALUE",
    multiple=True,
    callback=lambda _ctx, _param, pairs: dict(pairs),
    help="Encryption context, repeatable: public, bound, needed again to decrypt.",
)
aad_option = click.option(
    "--aad", type=text_or_file, default="", help="More data to bind; not audited, not stored."
)
in_option = click.option(
    "--in", "source", default="-", metavar="FILE", help="Read this; - is standard input."
)
version_option = click.option("--version", type=int, help="A version other than the primary.")


def read_bytes(path: str) -> bytes:
    """Read a file, or standard input for ``-``."""
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()


def read_secret(path: str | None, prompt: str, *, confirm: bool = False) -> str:
    """Take a secret from a file, a prompt on a terminal, or else standard input.

    One line end after it does not belong to it. Raises InvalidRequest if it is not UTF-8.
    """
    if path is None and sys.stdin.isatty():
        secret: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
        return secret
    try:
        return read_bytes(path or "-").decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidRequest("The secret is not UTF-8 text.") from None


def from_base64(data: bytes) -> bytes:
    """Decode base64, standard alphabet, line ends allowed; raises InvalidRequest."""
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            "The input is not base64.", hint="For bytes as they are, use --raw where it is offered."
        ) from None


def write_bytes(data: bytes, *, raw: bool) -> None:
    """Print bytes as they are, or as one line of base64."""
    out = sys.stdout.buffer
    out.write(data if raw else base64.b64encode(data) + b"\n")
    out.flush()
