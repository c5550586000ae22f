"""Password policies: how long passwords are, and which characters they have.

    length = 20
    rule "charset" {
      charset   = "abcdefghijklmnopqrstuvwxyz"
      min-chars = 1
    }

Passwords are drawn from the characters of all rules together, each equally likely at each
place, until one has what every rule asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from keystead.crypto.random_text import random_text
from keystead.errors import InvalidRequest
from keystead.policy.paths.hcl import Body, Item, parse

SHORTEST: Final = 4
LONGEST: Final = 100
MAX_CHARACTERS: Final = 256
"""Characters in all rules together."""

_TRIES: Final = 10_000


class Rule(NamedTuple):
    """At least ``least`` of these characters."""

    characters: str
    least: int

    def holds(self, password: str) -> bool:
        return not self.least or sum(c in self.characters for c in password) >= self.least


class PasswordPolicy(NamedTuple):
    """A policy as read from its text. ``alphabet`` has every character of the rules once."""

    length: int
    alphabet: str
    rules: tuple[Rule, ...]

    def password(self) -> str:
        """A new password. Raises InvalidRequest if rules are so narrow that none is found."""
        for _ in range(_TRIES):
            password = random_text(self.alphabet, self.length)
            if all(rule.holds(password) for rule in self.rules):
                return password
        raise InvalidRequest("unable to generate a password: the rules hold too rarely")


def password_policy(text: str) -> PasswordPolicy:
    """The policy with that text. Raises InvalidRequest.

    What is not known in it is passed over, as Vault does.
    """
    items = parse(text)
    length = next((item.value for item in reversed(items) if item.keys == ("length",)), 0)
    rules = tuple(_rule(name, body) for item in items for name, body in _blocks(item))
    alphabet = "".join(sorted({c for rule in rules for c in rule.characters}))
    least = sum(rule.least for rule in rules)
    if not isinstance(length, int) or length <= 0:
        raise _invalid("length must be > 0")
    if not alphabet:
        raise _invalid("no charset specified")
    if len(alphabet) > MAX_CHARACTERS:
        raise _invalid(f"charset has more than {MAX_CHARACTERS} characters")
    if not alphabet.isprintable():
        raise _invalid("non-printable character in charset")
    if least > length:
        raise _invalid(
            f"specified rules require at least {least} characters but {length} is specified"
        )
    if not SHORTEST <= length <= LONGEST:
        raise InvalidRequest(f"passwords must be between {SHORTEST} and {LONGEST} characters")
    return PasswordPolicy(length, alphabet, rules)


def _blocks(item: Item) -> Iterator[tuple[str, Body]]:
    """The rules in an item, each with its type: ``rule "charset" { … }``, or as JSON has it."""
    first, *more = item.keys
    if first != "rule" or not isinstance(item.value, Body):
        return
    if more:
        yield more[0], item.value
        return
    for member in item.value:
        if isinstance(member.value, Body):
            yield member.keys[0], member.value


def _rule(name: str, body: Body) -> Rule:
    if name != "charset":
        raise InvalidRequest(
            f"invalid password policy: unable to parse rules: unrecognized rule type {name[:64]}"
        )
    given = {item.keys[0]: item.value for item in body}
    characters, least = given.get("charset", ""), given.get("min-chars", 0)
    if not isinstance(characters, str) or not characters:
        raise _invalid("no charset specified")
    if not isinstance(least, int) or not 0 <= least <= LONGEST:
        raise _invalid(f"min-chars must be a number from 0 to {LONGEST}")
    return Rule(characters, least)


def _invalid(problem: str) -> InvalidRequest:
    return InvalidRequest(f"invalid password policy: {problem}")
