"""HCL 1 and its JSON form, as far as policies are written in it.

A text is a list of items: one or more keys, and a value (``key = value``) or a block
(``key "name" { … }``). Comments are ``# …``, ``// …`` and ``/* … */``. Of a string's
``${…}`` nothing is evaluated. What is nested deeper than ``MAX_DEPTH`` is refused.
"""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from keystead.errors import InvalidRequest

MAX_CHARACTERS: Final = 262_144
MAX_DEPTH: Final = 16

_TOKEN: Final = re.compile(
    r"""
      (?P<blank>(?:[ \t\r\n]|\#[^\n]*|//[^\n]*|/\*(?s:.)*?\*/)+)
    | (?P<heredoc><<-?[A-Za-z0-9_]+\r?\n)
    | (?P<string>")
    | (?P<number>[-+]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.-]))
    | (?P<word>[^\W\d][\w.-]*)
    | (?P<mark>[{}\[\],=])
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))"
)
_LETTERS: Final = dict(zip('abfnrtv\\"', '\a\b\f\n\r\t\v\\"', strict=True))
_WORDS: Final = {"true": True, "false": False}


class Place(NamedTuple):
    """A line and a column in a text, from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class Item(NamedTuple):
    """``value`` is a str, int, float, bool, None (in JSON), a list of such, or a Body."""

    keys: tuple[str, ...]
    value: Any
    place: Place


class Body(tuple[Item, ...]):
    """The items of a block or of a whole text, in their order."""

    __slots__ = ()


class _Token(NamedTuple):
    kind: str
    value: Any
    at: int


def parse(text: str) -> Body:
    """The items of a text in HCL or, if it begins with a brace, in JSON.

    Raises InvalidRequest that says where something is wrong.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidRequest(f"The text is longer than {MAX_CHARACTERS} characters.")
    return _from_json(text) if text.lstrip()[:1] == "{" else _Parser(text).whole()


def wrong(problem: str, place: Place) -> InvalidRequest:
    """The error for what is wrong at a place."""
    return InvalidRequest(f"{place}: {problem}", line=place.line, column=place.column)


class _Parser:
    """Reads one text from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = [0, *(newline.end() for newline in re.finditer("\n", text))]
        self._at = 0
        self._depth = 0
        self._next = self._read()

    def whole(self) -> Body:
        items = self._items()
        if self._next.kind != "end":
            raise self._wrong("there is a } that closes nothing")
        return items

    # --- the grammar --------------------------------------------------------------------

    def _items(self) -> Body:
        items = []
        while self._next.kind in ("word", "string"):
            items.append(self._item())
            if self._is(","):
                self._take()
        if self._next.kind != "end" and not self._is("}"):
            raise self._wrong("expected a key")
        return Body(items)

    def _item(self) -> Item:
        place = self._place(self._next.at)
        keys = []
        while self._next.kind in ("word", "string"):
            keys.append(self._take().value)
        if self._is("="):
            if len(keys) > 1:
                raise self._wrong("expected { after more than one key")
            self._take()
            return Item(tuple(keys), self._value(), place)
        if not self._is("{"):
            raise self._wrong(f'expected = or {{ after the key "{keys[-1][:64]}"')
        return Item(tuple(keys), self._block(), place)

    def _value(self) -> Any:
        token = self._next
        if token.kind in ("string", "number", "heredoc"):
            return self._take().value
        if token.kind == "word" and token.value in _WORDS:
            return _WORDS[self._take().value]
        if self._is("["):
            return self._nested(self._list)
        if self._is("{"):
            return self._block()
        raise self._wrong("expected a value; texts are written in double quotes")

    def _block(self) -> Body:
        block: Body = self._nested(self._braces)
        return block

    def _braces(self) -> Body:
        items = self._items()
        if not self._is("}"):
            raise self._wrong("a { is not closed")
        self._take()
        return items

    def _list(self) -> list[Any]:
        found: list[Any] = []
        while not self._is("]"):
            found.append(self._value())
            if self._is(","):
                self._take()
            elif not self._is("]"):
                raise self._wrong("expected , or ] in a list")
        self._take()
        return found

    def _nested(self, read: Callable[[], Any]) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._wrong(f"more than {MAX_DEPTH} brackets are open at once")
        self._take()
        found = read()
        self._depth -= 1
        return found

    # --- tokens -------------------------------------------------------------------------

    def _is(self, mark: str) -> bool:
        return self._next.kind == "mark" and self._next.value == mark

    def _take(self) -> _Token:
        token, self._next = self._next, self._read()
        return token

    def _place(self, at: int) -> Place:
        line = bisect.bisect_right(self._lines, at)
        return Place(line, at - self._lines[line - 1] + 1)

    def _wrong(self, problem: str) -> InvalidRequest:
        return wrong(problem, self._place(self._next.at))

    def _read(self) -> _Token:
        while True:
            at = self._at
            if at >= len(self._text):
                return _Token("end", None, at)
            found = _TOKEN.match(self._text, at)
            if found is None:
                raise wrong("this character has no meaning here", self._place(at))
            self._at = found.end()
            kind = found.lastgroup or ""
            if kind != "blank":
                break
        if kind == "string":
            return _Token(kind, self._string(at), at)
        if kind == "heredoc":
            return _Token(kind, self._heredoc(found[0], at), at)
        return _Token(kind, _number(found[0]) if kind == "number" else found[0], at)

    def _string(self, start: int) -> str:
        """The rest of a string. Within ``${…}`` everything stands for itself."""
        text, at = self._text, self._at
        pieces: list[str] = []
        while at < len(text):
            character = text[at]
            if character == '"':
                self._at = at + 1
                return "".join(pieces)
            if text.startswith("${", at):
                end = self._end_of_braces(at)
                pieces.append(text[at:end])
                at = end
            elif character == "\\":
                escape = _ESCAPE.match(text, at)
                if escape is None or (written := _unescaped(escape)) is None:
                    raise wrong("this escape is not known", self._place(at))
                pieces.append(written)
                at = escape.end()
            elif character == "\n":
                break
            else:
                pieces.append(character)
                at += 1
        raise wrong("a string is not closed", self._place(start))

    def _end_of_braces(self, start: int) -> int:
        open_braces = 0
        for at in range(start + 1, len(self._text)):
            open_braces += {"{": 1, "}": -1}.get(self._text[at], 0)
            if not open_braces:
                return at + 1
        raise wrong("a ${ is not closed", self._place(start))

    def _heredoc(self, opening: str, start: int) -> str:
        indented = opening.startswith("<<-")
        tag = opening.lstrip("<-").rstrip()
        lines: list[str] = []
        while self._at < len(self._text):
            end = self._text.find("\n", self._at)
            end = len(self._text) if end < 0 else end + 1
            line = self._text[self._at : end]
            self._at = end
            if (line.strip() if indented else line.rstrip("\r\n")) == tag:
                if line.endswith("\n"):
                    self._at -= 1
                return "".join(_outdented(lines) if indented else lines)
            lines.append(line)
        raise wrong(f"there is no line {tag} to end this text", self._place(start))


def _unescaped(escape: re.Match[str]) -> str | None:
    """What an escape stands for; None if it is no character."""
    letter, byte, short, long, octal = escape.groups()
    if letter:
        return _LETTERS[letter]
    code = int(octal, 8) if octal else int(byte or short or long, 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return None
    return chr(code)


def _outdented(lines: list[str]) -> list[str]:
    """Lines without the white space that all of them begin with."""
    width = min((len(line) - len(line.lstrip(" \t")) for line in lines if line.strip()), default=0)
    return [line[min(width, len(line) - len(line.lstrip(" \t"))) :] for line in lines]


def _number(text: str) -> int | float:
    digits = text.lower().lstrip("+-")
    sign = -1 if text.startswith("-") else 1
    if digits.startswith("0x"):
        return sign * int(digits, 16)
    if digits.isdigit() and len(digits) < 20:
        return sign * int(digits)
    return float(text)


# --- JSON -------------------------------------------------------------------------------


def _from_json(text: str) -> Body:
    start = Place(1, 1)
    try:
        found = json.loads(text, object_pairs_hook=_Pairs)
        json.dumps(found, ensure_ascii=False).encode()
        return _body(found, start, 0)
    except json.JSONDecodeError as error:
        raise wrong(f"this is not JSON: {error.msg}", Place(error.lineno, error.colno)) from None
    except (RecursionError, ValueError):
        raise wrong("this is not JSON that can be read", start) from None


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object: a list keeps those of the same name."""


def _body(pairs: _Pairs, place: Place, depth: int) -> Body:
    """The items of an object. A list of objects is as many items with the same key."""
    if depth > MAX_DEPTH:
        raise wrong(f"more than {MAX_DEPTH} brackets are open at once", place)
    items = []
    for key, value in pairs:
        several = isinstance(value, list) and not isinstance(value, _Pairs) and bool(value)
        if several and all(isinstance(member, _Pairs) for member in value):
            items += [Item((key,), _body(member, place, depth + 1), place) for member in value]
        else:
            items.append(Item((key,), _plain(value, place, depth + 1), place))
    return Body(items)


def _plain(value: Any, place: Place, depth: int) -> Any:
    if isinstance(value, _Pairs):
        return _body(value, place, depth)
    if isinstance(value, list):
        if depth > MAX_DEPTH:
            raise wrong(f"more than {MAX_DEPTH} brackets are open at once", place)
        return [_plain(member, place, depth + 1) for member in value]
    return value
