"""Commands that take the common options and show examples; groups that import on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import click

from keystead.cli.session import common_options


class Command(click.Command):
    """A command with the common options and, at the end of its help, ``examples``.

    An option of its own goes before a common one of the same name.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.examples = examples
        own = {name for parameter in self.params for name in parameter.opts}
        self.params += [o for o in common_options(top=False) if own.isdisjoint(o.opts)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
                for line in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Group(click.Group):
    """A group whose commands are ``Command``."""

    command_class = Command
    group_class = type


class Entry(NamedTuple):
    """Where a command lives (``module`` in this package, ``attribute``) and its short help."""

    module: str
    attribute: str
    help: str


class LazyGroup(click.Group):
    """A group that lists its commands from a table and imports one only to run it."""

    def __init__(
        self, *args: Any, sections: Mapping[str, Mapping[str, Entry]], **attributes: Any
    ) -> None:
        super().__init__(*args, **attributes)
        self.sections = sections
        self.entries = {name: entry for part in sections.values() for name, entry in part.items()}
        self.params += common_options(top=True)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module = import_module(f"keystead.cli.{entry.module}")
        command: click.Command = getattr(module, entry.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, entries in self.sections.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(name, entry.help) for name, entry in entries.items()], col_max=18
                )
