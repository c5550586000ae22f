"""Replies as JSON for programs and as tables for people."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec


def plain(value: Any) -> Any:
    """Return a reply as JSON values, with every field, so that programs find each one."""
    match value:
        case msgspec.Struct():
            return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return value


def print_json(reply: Any) -> None:
    """Print a reply as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(plain(reply))).decode())


def print_line(value: Any) -> None:
    """Print a value as one line of JSON."""
    click.echo(msgspec.json.encode(plain(value)).decode())


def print_brief(reply: Any, field: str) -> None:
    """Print one field, of the reply or of each thing it lists; nothing without a field."""
    if not field:
        return
    items = _items(reply)
    for item in [reply] if items is None else items:
        value = item if isinstance(item, str) else getattr(item, field)
        lines = value if isinstance(value, list) else [value]
        for line in lines:
            click.echo(plain(line))


def print_table(reply: Any, columns: Sequence[str] = ()) -> None:
    """Print a listing as a table, anything else as a card and a table for each list in it."""
    items = _items(reply)
    if items is not None:
        _table(items, columns)
        return
    inner = {}
    lines = []
    for name in reply.__struct_fields__:
        value = getattr(reply, name)
        if isinstance(value, list) and value and isinstance(value[0], msgspec.Struct):
            inner[name] = value
        elif isinstance(value, msgspec.Struct):
            lines += [(f, getattr(value, f)) for f in value.__struct_fields__]
        else:
            lines.append((name, value))
    _card(lines)
    for value in inner.values():
        click.echo()
        _table(value, ())


def _items(reply: Any) -> list[Any] | None:
    """The list that a reply is all about, if it is."""
    names = [name for name in reply.__struct_fields__ if name != "next"]
    if len(names) == 1 and isinstance(found := getattr(reply, names[0]), list):
        return found
    return None


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text under column titles, as wide as they are unless on a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(Text(title(column)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, highlight=False, soft_wrap=False).print(table)


def _table(items: list[Any], columns: Sequence[str]) -> None:
    if not items:
        click.echo("Nothing to list.", err=True)
    elif isinstance(items[0], msgspec.Struct):
        names = columns or items[0].__struct_fields__
        names = [n for n in names if any(getattr(item, n) not in _EMPTY for item in items)]
        print_rows(names, ([text(n, getattr(item, n)) for n in names] for item in items))
    else:
        for item in items:
            click.echo(_safe(str(item)))


_EMPTY: tuple[Any, ...] = (None, "", [], {})


def _card(lines: Sequence[tuple[str, Any]]) -> None:
    shown = [(title(name), text(name, value)) for name, value in lines if value not in _EMPTY]
    width = max((len(name) for name, _ in shown), default=0) + 2
    for name, value in shown:
        first, *more = value.splitlines() or [""]
        click.echo(f"{click.style(f'{name:{width}}', bold=True)}{first}".rstrip())
        for line in more:
            click.echo(f"{'':{width}}{line}")


def title(name: str) -> str:
    """Return a field's name as people read it: ``expires_at`` is EXPIRES."""
    return name.removesuffix("_at").removesuffix("_seconds").replace("_", " ").upper()


def text(name: str, value: Any) -> str:
    """Return a field's value as people read it: times in UTC, durations in units."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case bytes():
            return base64.b64encode(value).decode()
        case float() if name.endswith("_at"):
            return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        case int() if name.endswith("_seconds"):
            return _duration(value)
        case list():
            return ", ".join(text("", item) for item in value)
        case dict():
            return ", ".join(f"{_safe(k)}={text('', v)}" for k, v in value.items())
        case _:
            return _safe(str(value))


def _duration(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _safe(value: str) -> str:
    """Drop what would steer the terminal: what others stored is shown, not obeyed."""
    return "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in value
    )
