"""Any operation of the API, by its name."""

from __future__ import annotations

from typing import Any

import click

from keystead.cli.command import Command
from keystead.cli.inputs import read_bytes
from keystead.cli.session import Session, pass_session
from keystead.errors import InvalidRequest


@click.command(
    cls=Command,
    examples=[
        "keystead call --list",
        "keystead call ListRateLimits",
        'echo \'{"name": "login", "rate": 20}\' | keystead call WriteRateLimit --in -',
    ],
)
@click.argument("operation", required=False)
@click.option("--in", "source", metavar="FILE", help="Its fields as JSON; - is standard input.")
@click.option("--list", "listing", is_flag=True, help="List the operations, with what they do.")
@pass_session
def call(session: Session, operation: str | None, source: str | None, listing: bool) -> None:
    """Ask for any operation of the API by its name, with its fields as JSON.

    What is asked often has commands of its own; this is for the rest, and for scripts.
    """
    known = _operations()
    if listing or operation is None:
        for name, each in sorted(known.items()):
            fields = ", ".join(each.__struct_fields__)
            told = (each.__doc__ or "").partition("\n")[0]
            click.echo(f"{name}({fields}): {told}")
        return
    if operation not in known:
        raise InvalidRequest(f"There is no operation {operation}.", hint="keystead call --list")
    session.show(session.client(_read(known[operation], source)))


def _operations() -> dict[str, Any]:
    from keystead.doors.rest.routes import ROUTES

    return {route.operation.__name__: route.operation for route in ROUTES}


def _read(operation: Any, source: str | None) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(read_bytes(source) if source else b"{}", type=operation)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{operation.__name__}: {error}.") from None
