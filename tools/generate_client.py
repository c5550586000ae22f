"""Write the SDK's typed methods from the operation catalogue.

Run ``python tools/generate_client.py``; the files it writes are checked in, and a test
compares them with what it would write now.
"""

from __future__ import annotations

import collections
import keyword
import pathlib
import re
import subprocess
import sys
import textwrap
import types
import typing
from typing import Any

import msgspec

from keystead.doors.rest.routes import ELSEWHERE
from keystead.operations import Done, Operation, catalogue, reply_type

FOLDER = pathlib.Path(__file__).parents[1] / "src" / "keystead" / "client"
PLURALS = {"audit": "audit", "system": "system"}


class Style(typing.NamedTuple):
    """What differs between the synchronous and the asynchronous methods."""

    file: str
    word: str
    prefix: str
    definition: str
    call: str


STYLES = (
    Style("methods.py", "synchronous", "", "def", ""),
    Style("async_methods.py", "asynchronous", "Async", "async def", "await "),
)


class Imports:
    """The types that the generated code names, by module."""

    def __init__(self) -> None:
        self.names: dict[str, set[str]] = collections.defaultdict(set)
        self.defaults: set[type[Any]] = set()

    def name(self, cls: type[Any]) -> str:
        if cls.__module__ != "builtins":
            self.names[cls.__module__].add(cls.__name__)
        return cls.__name__

    def annotation(self, hint: Any, *, argument: bool = True) -> str:
        """Render a type; arguments take any sequence or mapping, replies are as they are."""
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if hint is Any:
            self.names["typing"].add("Any")
            return "Any"
        if origin is typing.Literal:
            self.names["typing"].add("Literal")
            return f"Literal[{', '.join(map(repr, args))}]"
        if origin is typing.Annotated:
            return self.annotation(args[0], argument=argument)
        if origin is None:
            return "None" if hint is types.NoneType else self.name(hint)
        outermost = argument and origin not in (list, dict)
        inner = [self.annotation(arg, argument=outermost) for arg in args]
        if origin in (types.UnionType, typing.Union):
            return " | ".join(inner)
        wide = {list: "Sequence", dict: "Mapping"}.get(origin) if argument else None
        return f"{wide or self.name(origin)}[{', '.join(inner)}]"


def attribute(kind: str) -> str:
    name = kind.replace("-", "_")
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    return PLURALS.get(kind) or (name if name.endswith("s") else name + "s")


def class_name(kind: str) -> str:
    return "".join(part.title() for part in attribute(kind).split("_")) + "Methods"


def method_name(operation: type[Operation[Any]]) -> str:
    """The action's verb; where several operations share it, the other ones' whole names."""
    verb = operation.action.partition(":")[2].replace("-", "_")
    if operation.__name__.endswith("Batch"):
        verb += "_batch"
    sharing = [
        other
        for other in catalogue()
        if other.action == operation.action
        and other.__name__.endswith("Batch") is operation.__name__.endswith("Batch")
        and other not in ELSEWHERE
    ]
    first = min(sharing, key=lambda other: len(other.__name__), default=operation)
    if operation is not first:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", operation.__name__).lower()
    return verb + "_" if keyword.iskeyword(verb) else verb


def default(hint: Any, value: Any) -> str:
    match value:
        case dict():
            return "NO_ENTRIES"
        case list():
            return "()"
        case msgspec.Struct():
            return _constant(type(value))
        case _:
            return repr(value)


def _constant(cls: type[Any]) -> str:
    return f"DEFAULT_{cls.__name__.upper()}"


def passed(name: str, hint: Any) -> str:
    """Render an argument as the operation takes it: its own list or dictionary."""
    args = [a for a in (typing.get_args(hint) or (hint,)) if a is not types.NoneType]
    is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    origin = typing.get_origin(args[0] if is_union else hint)
    if origin not in (list, dict):
        return name
    copy = f"{origin.__name__}({name})"
    return f"None if {name} is None else {copy}" if is_union else copy


def method(operation: type[Operation[Any]], style: Style, imports: Imports) -> str:
    hints = typing.get_type_hints(operation)
    fields = msgspec.structs.fields(operation)
    required = sorted((f for f in fields if f.required), key=lambda f: f.name != operation.names)
    optional = [f for f in fields if not f.required]
    parameters = ["self", *(f"{f.name}: {imports.annotation(hints[f.name])}" for f in required)]
    if optional:
        parameters.append("*")
    for field in optional:
        value = field.default_factory() if callable(field.default_factory) else field.default
        if isinstance(value, msgspec.Struct):
            imports.name(type(value))
            imports.defaults.add(type(value))
        shown = default(hints[field.name], value)
        parameters.append(f"{field.name}: {imports.annotation(hints[field.name])} = {shown}")
    reply = reply_type(operation)
    answers = "None" if reply is Done else imports.annotation(reply, argument=False)
    arguments = ", ".join(f"{f.name}={passed(f.name, hints[f.name])}" for f in fields)
    imports.name(operation)
    call = f"{style.call}self._perform({operation.__name__}({arguments}))"
    doc = textwrap.indent(f'"""{(operation.__doc__ or "").strip()}', " " * 8).lstrip()
    closing = "\n        " if "\n" in doc else ""
    return f"""
    {style.definition} {method_name(operation)}({", ".join(parameters)}) -> {answers}:
        {textwrap.dedent(doc)}{closing}\"\"\"
        {"" if reply is Done else "return "}{call}
"""


def generate(style: Style) -> str:
    """Return the source of one module of methods."""
    kinds: dict[str, list[type[Operation[Any]]]] = collections.defaultdict(list)
    for operation in catalogue():
        if operation not in ELSEWHERE:
            kinds[operation.kind].append(operation)
    imports = Imports()
    result = "Awaitable[ReplyT]" if style.call else "ReplyT"
    classes = []
    for kind, operations in sorted(kinds.items()):
        methods = "".join(method(operation, style, imports) for operation in operations)
        classes.append(f"""
class {style.prefix}{class_name(kind)}:
    __slots__ = ("_perform",)

    def __init__(self, perform: {style.prefix}Perform) -> None:
        self._perform = perform
{methods}
""")
    setup = "\n        ".join(
        f"self.{attribute(kind)} = {style.prefix}{class_name(kind)}(perform)"
        for kind in sorted(kinds)
    )
    imports.names["typing"].add("Any")
    imports.names["keystead.operations.base"] |= {"Operation", "ReplyT"}
    lines = "\n".join(
        f"from {module} import {', '.join(sorted(names))}"
        for module, names in sorted(imports.names.items())
    )
    constants = "\n".join(
        f"{_constant(cls)}: Final = {cls.__name__}()"
        for cls in sorted(imports.defaults, key=lambda cls: cls.__name__)
    )
    abc = "Awaitable, Mapping, Sequence" if style.call else "Mapping, Sequence"
    source = f'''"""The {style.word} methods, one for each operation.

Written by tools/generate_client.py; change that or the catalogue, not this.
"""
# ruff: noqa: E501 - docstrings move in by a level

from __future__ import annotations

from collections.abc import {abc}
from types import MappingProxyType
from typing import Final, Protocol

{lines}

NO_ENTRIES: Final[Mapping[str, Any]] = MappingProxyType({{}})
{constants}


class {style.prefix}Perform(Protocol):
    """Carries out any operation."""

    def __call__(self, operation: Operation[ReplyT], /) -> {result}: ...

{"".join(classes)}

class {style.prefix}Methods:
    """Every operation, by the kind of resource that it acts on."""

    def __init__(self, perform: {style.prefix}Perform) -> None:
        {setup}
'''
    return tidy(source)


def tidy(source: str) -> str:
    """Sort the imports and format."""
    for command in (["check", "--select", "I", "--fix"], ["format"]):
        source = subprocess.run(  # noqa: S603 - our own linter on our own text
            [sys.executable, "-m", "ruff", *command, "-q", "--stdin-filename", "src/x.py", "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return source


if __name__ == "__main__":
    for each in STYLES:
        (FOLDER / each.file).write_text(generate(each))
