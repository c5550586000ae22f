"""What a command line says once for all: how to print, which server, whose token."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from keystead.client.sync import Client


@dataclass
class Session:
    """The common options of one command line, and the client that they make."""

    output: str = "table"
    quiet: bool = False
    address: str | None = None
    namespace: str | None = None
    ca_file: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    @property
    def json(self) -> bool:
        return self.output == "json"

    @cached_property
    def client(self) -> Client:
        """The client; raises ConfigurationError for options that cannot be used."""
        from keystead.client.sync import Client

        certificate = None
        if self.client_certificate:
            key = self.client_key or self.client_certificate
            certificate = (self.client_certificate, key)
        return Client(
            self.address,
            saved_token(),
            namespace=self.namespace,
            ca_file=self.ca_file,
            client_certificate=certificate,
        )

    def show(self, reply: Any, *, brief: str = "", columns: tuple[str, ...] = ()) -> None:
        """Print a reply: JSON, or a table, or (quiet) only its field ``brief``.

        A reply with a list shows the list's ``columns``.
        """
        from keystead.cli import render

        if self.json:
            render.print_json(reply)
        elif self.quiet:
            render.print_brief(reply, brief)
        else:
            render.print_table(reply, columns)

    def show_all(self, operation: Any, *, brief: str, columns: tuple[str, ...]) -> None:
        """Print all pages of a listing as one."""
        import msgspec

        pages = list(self.client.pages(operation))
        (field,) = (name for name in pages[0].__struct_fields__ if name != "next")
        items = [item for page in pages for item in getattr(page, field)]
        whole = msgspec.structs.replace(pages[0], **{field: items, "next": type(pages[0].next)()})
        self.show(whole, brief=brief, columns=columns)

    def say(self, words: str) -> None:
        """Tell a person on standard error what was done; nothing when quiet or for programs."""
        if not self.quiet and not self.json:
            click.echo(words, err=True)


pass_session = click.make_pass_decorator(Session, ensure=True)


def token_file() -> Path:
    """Where a log-in leaves its token: KEYSTEAD_TOKEN_FILE or ~/.keystead-token."""
    return Path(os.environ.get("KEYSTEAD_TOKEN_FILE") or Path.home() / ".keystead-token")


def saved_token() -> str:
    """Return KEYSTEAD_TOKEN, or the token of the last log-in, or nothing."""
    token = os.environ.get("KEYSTEAD_TOKEN")
    if token is None:
        try:
            token = token_file().read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            token = ""
    return token.strip()


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value not in (None, False) and parameter.name:
        setattr(context.ensure_object(Session), parameter.name, value)


def _option(*names: str, **attributes: Any) -> click.Option:
    return click.Option(names, callback=_remember, expose_value=False, **attributes)


def common_options(*, top: bool) -> list[click.Parameter]:
    """Return the options that every command takes, fresh for each; ``top`` shows them all."""
    return [
        _option(
            "--output",
            "-o",
            type=click.Choice(["table", "json"]),
            help="How to print: for people or for programs.",
        ),
        _option("--quiet", "-q", is_flag=True, help="Print only what a script needs."),
        _option("--address", metavar="URL", hidden=not top, help="Server. [env: KEYSTEAD_ADDR]"),
        _option("--namespace", hidden=not top, help="Namespace. [env: KEYSTEAD_NAMESPACE]"),
        _option(
            "--ca-file",
            metavar="FILE",
            hidden=not top,
            help="Authorities to trust, PEM. [env: KEYSTEAD_CACERT]",
        ),
        _option(
            "--client-certificate",
            metavar="FILE",
            envvar="KEYSTEAD_CLIENT_CERT",
            hidden=not top,
            help="TLS client certificate, PEM. [env: KEYSTEAD_CLIENT_CERT]",
        ),
        _option(
            "--client-key",
            metavar="FILE",
            envvar="KEYSTEAD_CLIENT_KEY",
            hidden=not top,
            help="Its key, if in another file. [env: KEYSTEAD_CLIENT_KEY]",
        ),
    ]
