"""Where a setting is in a TOML file, from its place as msgspec names it.

A place is ``.listeners[0].address``, or empty for the whole file.
"""

from __future__ import annotations

import re

import msgspec


def type_at(place: str, config: type) -> object:
    """The type of a setting in a configuration of type ``config``; None if there is none."""
    found: object = config
    for step in re.findall(r"\.([a-z0-9_]+)", place):
        found = fields(found).get(step)
    return found


def fields(hint: object) -> dict[str, object]:
    """The settings of the section that a type is, or is a list of, each with its type."""
    section = _section_in(hint)
    return {f.name: f.type for f in msgspec.structs.fields(section)} if section else {}


def _section_in(hint: object) -> type | None:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    for argument in getattr(hint, "__args__", ()):
        if found := _section_in(argument):
            return found
    return None


def line_of(text: str, place: str) -> int:
    """The line of a setting, counted from 1.

    A setting that is missing is looked for in its table's header; 1 if nothing is found.
    """
    steps = re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]", place)
    wanted = [name for name, _ in steps if name]
    indexes = {len([n for n, _ in steps[:i] if n]): int(d) for i, (_, d) in enumerate(steps) if d}
    table: list[str] = []
    seen: dict[str, int] = {}
    best, depth = 1, 0
    for number, line in enumerate(text.split("\n"), start=1):
        if header := re.match(r"\s*(\[\[?)\s*([A-Za-z0-9_.\s-]+?)\s*\]", line):
            table = [part.strip() for part in header[2].split(".")]
            if header[1] == "[[":
                seen[header[2]] = seen.get(header[2], -1) + 1
            fits = wanted[: len(table)] == table and _is_nth(table, seen, indexes)
            if fits and len(table) > depth:
                best, depth = number, len(table)
        elif key := re.match(r'\s*"?([A-Za-z0-9_.-]+)"?\s*=', line):
            here = [*table, *key[1].split(".")]
            if wanted[: len(here)] == here and _is_nth(table, seen, indexes):
                return number
    return best


def _is_nth(table: list[str], seen: dict[str, int], indexes: dict[int, int]) -> bool:
    name = ".".join(table)
    return name not in seen or indexes.get(len(table), seen[name]) == seen[name]
