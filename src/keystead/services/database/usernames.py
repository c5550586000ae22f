"""Names of new accounts, made by a template in the part of Go's language that Vault documents.

    {{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 8) (.RoleName | truncate 8) (random 20) (unix_time) | truncate 63 }}

Functions: ``random``, ``truncate``, ``truncate_sha256``, ``uppercase``, ``lowercase``,
``replace``, ``sha256``, ``base64``, ``unix_time``, ``unix_time_millis``, ``uuid``, ``printf``
(``%s``, ``%d``, ``%v``). Fields: ``.DisplayName``, ``.RoleName``.
"""  # noqa: E501 - one template, as it is written

from __future__ import annotations

import base64
import functools
import hashlib
import re
import string
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from keystead.crypto.random_text import random_text
from keystead.errors import InvalidRequest

MAX_TEMPLATE: Final = 1_024
MAX_RANDOM: Final = 256

_ACTION = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`|(\d{1,9})|(\.?[A-Za-z_]\w*)|([()|]))')
_VERB = re.compile(r"%[sdv%]")
_UNFIT = re.compile(r"[^A-Za-z0-9_.@-]")
_ALPHABET: Final = string.ascii_letters + string.digits

Value = str | int
Token = tuple[str, Value]


def make_username(template: str, display_name: str, role_name: str, now: float) -> str:
    """A new name. What comes from callers is reduced to letters, digits and ``_.@-`` first.

    Raises InvalidRequest for a template that is not understood, or yields no name.
    """
    fields = {
        ".DisplayName": _UNFIT.sub("-", display_name),
        ".RoleName": _UNFIT.sub("-", role_name),
    }
    if len(template) > MAX_TEMPLATE:
        raise _bad("it is too long")
    name = _ACTION.sub(lambda action: _evaluate(action[1], fields, now), template)
    if not name or "{{" in name:
        raise _bad("it yields no name")
    return name


def _evaluate(text: str, fields: Mapping[str, str], now: float) -> str:
    value, rest = _pipeline(_tokens(text), fields, now)
    if rest:
        raise _bad("a parenthesis too many")
    return str(value)


@functools.lru_cache(maxsize=256)
def _tokens(text: str) -> tuple[Token, ...]:
    return tuple(_scan(text))


def _scan(text: str) -> Iterator[Token]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _bad(f"at {text[at : at + 20]!r}")
        at = found.end()
        quoted, raw, number, word, mark = found.groups()
        if quoted is not None:
            yield "value", re.sub(r"\\(.)", r"\1", quoted)
        elif raw is not None:
            yield "value", raw
        elif number is not None:
            yield "value", int(number)
        else:
            yield ("word", word) if word else ("mark", mark)


def _pipeline(
    tokens: tuple[Token, ...], fields: Mapping[str, str], now: float
) -> tuple[Value, tuple[Token, ...]]:
    """The value of commands with ``|`` between them, and the tokens that follow."""
    piped: list[Value] = []
    while True:
        value, tokens = _command(tokens, fields, now, piped)
        if not tokens or tokens[0] != ("mark", "|"):
            return value, tokens
        tokens, piped = tokens[1:], [value]


def _command(
    tokens: tuple[Token, ...], fields: Mapping[str, str], now: float, piped: list[Value]
) -> tuple[Value, tuple[Token, ...]]:
    function = ""
    if tokens and tokens[0][0] == "word" and not str(tokens[0][1]).startswith("."):
        function, tokens = str(tokens[0][1]), tokens[1:]
    arguments: list[Value] = []
    while tokens and tokens[0] not in (("mark", "|"), ("mark", ")")):
        sort, value = tokens[0]
        tokens = tokens[1:]
        if (sort, value) == ("mark", "("):
            value, tokens = _pipeline(tokens, fields, now)
            if not tokens or tokens[0] != ("mark", ")"):
                raise _bad("a parenthesis is missing")
            tokens = tokens[1:]
        elif sort == "word":
            value = fields[str(value)] if value in fields else _call(str(value), [], now)
        arguments.append(value)
    arguments += piped
    if function:
        return _call(function, arguments, now), tokens
    if len(arguments) != 1:
        raise _bad("one value is expected")
    return arguments[0], tokens


def _call(name: str, arguments: list[Value], now: float) -> Value:
    if name == "unix_time":
        return int(now)
    if name == "unix_time_millis":
        return int(now * 1000)
    function = _FUNCTIONS.get(name)
    if function is None:
        raise _bad(f"there is no {name}")
    try:
        return function(*arguments)
    except (TypeError, ValueError, AttributeError, IndexError):
        raise _bad(f"{name} is given what it does not take") from None


def _random(length: Value) -> str:
    if not isinstance(length, int) or not 0 < length <= MAX_RANDOM:
        raise ValueError
    return random_text(_ALPHABET, length)


def _truncate(length: int, text: Value) -> str:
    return str(text)[:length]


def _truncate_sha256(length: int, text: Value) -> str:
    """Cut off, but with the first eight digits of the hash of what was cut."""
    if length <= 8:
        raise ValueError
    text = str(text)
    if len(text) <= length:
        return text
    return text[: length - 8] + hashlib.sha256(text[length - 8 :].encode()).hexdigest()[:8]


def _printf(form: str, *arguments: Value) -> str:
    left = list(arguments)
    made = _VERB.sub(lambda verb: "%" if verb[0] == "%%" else str(left.pop(0)), form)
    if left:
        raise ValueError
    return made


_FUNCTIONS: Final[Mapping[str, Callable[..., Value]]] = {
    "random": _random,
    "truncate": _truncate,
    "truncate_sha256": _truncate_sha256,
    "uppercase": lambda text: str(text).upper(),
    "lowercase": lambda text: str(text).lower(),
    "replace": lambda old, new, text: str(text).replace(old, new),
    "sha256": lambda text: hashlib.sha256(str(text).encode()).hexdigest(),
    "base64": lambda text: base64.b64encode(str(text).encode()).decode(),
    "uuid": lambda: str(uuid.uuid4()),
    "printf": _printf,
}


def _bad(why: str) -> InvalidRequest:
    return InvalidRequest(f"invalid username template: {why}", field="username_template")
