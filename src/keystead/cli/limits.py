"""How long and from where tokens hold: the options that tokens and log-in methods share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from keystead.cli.inputs import duration

if TYPE_CHECKING:
    from keystead.operations.identity import TokenLimits

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--ttl", "ttl_seconds", type=duration, default="0", help="How long tokens hold at first."
    ),
    click.option(
        "--max-ttl", "max_ttl_seconds", type=duration, default="0", help="At most, with renewals."
    ),
    click.option(
        "--period", "period_seconds", type=duration, default="0", help="Renewable for ever by this."
    ),
    click.option("--max-uses", type=int, default=0, help="Requests after which a token ends."),
    click.option("--cidr", "bound_cidrs", multiple=True, help="Where from, repeatable."),
)


def limit_options(command: CommandT) -> CommandT:
    """Add the options; the command takes them as keyword arguments."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def limits_from(given: Mapping[str, Any]) -> TokenLimits:
    """Return what the options say."""
    from keystead.operations.identity import TokenLimits

    return TokenLimits(**{**given, "bound_cidrs": list(given["bound_cidrs"])})
