"""The same requests to Keystead and to a real OpenBao: same status, same shape of the answer.

``vault_requests.txt`` says what is asked. What is meant to differ stands in the table of
``docs/divergences/vault.md``: a difference that does not is a failure, and so is an entry
of the table that no longer differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pytest

TABLE = Path(__file__).with_name("vault_requests.txt")
DIVERGENCES = Path(__file__).parents[2] / "docs" / "divergences" / "vault.md"

_LINE = re.compile(
    r"^(?:@(?P<token>\w+) )?(?:wrap=(?P<wrap>\w+) )?(?P<patch>patch )?"
    r'(?P<method>[A-Z]+) (?P<path>\S+)(?: (?P<body>[{\["n].*?))?(?: => (?P<names>.+))?$'
)
_ENTRY = re.compile(r"^\| `(?P<request>[^`]+)` \| `(?P<difference>[^`]+)` \| (?P<why>.+) \|$")
_CHOSEN = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}$|(auth_)?[a-z-]+_[0-9a-f]{8}$|k[sb]t_|s\."
)
"""Names that a server makes up: identifiers, accessors, tokens."""


class Request(NamedTuple):
    """One line of the table; ``names`` are what its answer's members are called."""

    text: str
    section: str
    method: str
    path: str
    body: str
    token: str
    headers: Mapping[str, str]
    names: Mapping[str, str]


class Divergence(NamedTuple):
    """One line of the document."""

    request: str
    difference: str
    why: str


def read_requests() -> Iterator[Request]:
    section = ""
    for line in TABLE.read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.match(line)
        assert found, line
        headers = {}
        if found["wrap"]:
            headers["X-Vault-Wrap-TTL"] = found["wrap"]
        if found["patch"]:
            headers["Content-Type"] = "application/merge-patch+json"
        names = dict(pair.split("=") for pair in (found["names"] or "").split())
        text = line.partition(" => ")[0]
        yield Request(
            text, section, found["method"], found["path"], found["body"] or "",
            found["token"] or "", headers, names,
        )  # fmt: skip


def read_divergences() -> list[Divergence]:
    lines = DIVERGENCES.read_text().splitlines()
    return [Divergence(*found.groups()) for line in lines if (found := _ENTRY.match(line))]


@dataclass
class Side:
    """One of the servers, and what its answers are called."""

    api: Any
    known: dict[str, str] = field(default_factory=dict)

    def ask(self, request: Request) -> Any:
        given = {"": self.api.token, "none": "", "nonsense": "nonsense"}
        token = given.get(request.token, self.known.get(request.token, "missing"))
        body = self._named(request.body).encode() if request.body else None
        reply = self.api.ask(
            request.method,
            self._named(request.path),
            body,
            token=token,
            headers=dict(request.headers),
        )
        for name, place in request.names.items():
            value = reply.body
            for step in place.split("."):
                value = value.get(step) if isinstance(value, dict) else None
            self.known[name] = str(value)
        return reply

    def _named(self, text: str) -> str:
        return re.sub(r"\$(\w+)", lambda found: self.known.get(found[1], found[0]), text)


def differences(here: Any, there: Any) -> Iterator[str]:
    """What differs in Keystead's answer (here) from OpenBao's (there)."""
    if here.status != there.status:
        yield f"status {here.status}, not {there.status}"
        return
    yield from _shapes("", here.body, there.body)


def _shapes(place: str, here: Any, there: Any) -> Iterator[str]:
    if _type(here) != _type(there):
        yield f"{place or 'body'}: {_type(here)}, not {_type(there)}"
    elif isinstance(here, dict):
        mine, other = _members(here), _members(there)
        for name in sorted(mine.keys() | other.keys()):
            below = f"{place}.{name}" if place else name
            if name not in other:
                yield f"{below}: only here"
            elif name not in mine:
                yield f"{below}: only there"
            else:
                yield from _shapes(below, mine[name], other[name])
    elif isinstance(here, list):
        if bool(here) != bool(there):
            yield f"{place}: {'empty' if there else 'not empty'}"
        elif here:
            yield from _shapes(f"{place}[]", here[0], there[0])


def _members(value: Mapping[str, Any]) -> dict[str, Any]:
    """The members of an object. Of those with names that a server makes up, the one counts
    whose own name is the first."""
    members: dict[str, Any] = {}
    for name, member in sorted(value.items(), key=lambda pair: _name(pair[1])):
        members.setdefault(_CHOSEN.sub("<id>", name), member)
    return members


def _name(value: Any) -> str:
    return str(value.get("name", "")) if isinstance(value, dict) else ""


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "number", float: "number", list: "list", dict: "object"}
    return names.get(type(value), "null")


class Asked(NamedTuple):
    """One request, what differs, and what each server says if both refuse alike."""

    request: str
    differences: list[str]
    refusals: tuple[list[str], list[str]] | None


@pytest.fixture(scope="module")
def asked(fresh_vaults: tuple[Any, Any]) -> list[Asked]:
    """All requests, asked of both servers in their order."""
    keystead, openbao = (Side(api) for api in fresh_vaults)
    asked = []
    for request in read_requests():
        here, there = keystead.ask(request), openbao.ask(request)
        refused = here.status == there.status and here.status >= 400
        refusals = (_wording(here.body), _wording(there.body)) if refused else None
        asked.append(Asked(request.text, list(differences(here, there)), refusals))
    return asked


def _wording(body: Any) -> list[str]:
    """The errors of an answer, without the frame that servers put around some."""
    errors = body.get("errors", []) if isinstance(body, dict) else []
    return [re.sub(r"^\d+ errors? occurred:\s*\* (.*?)\s*$", r"\1", e, flags=re.S) for e in errors]


@pytest.fixture(scope="module")
def found(asked: list[Asked]) -> dict[str, list[str]]:
    """All differences, by request."""
    found: dict[str, list[str]] = {}
    for request in asked:
        found.setdefault(request.request, []).extend(request.differences)
    return found


def _fits(text: str, pattern: str) -> bool:
    """``*`` stands for anything; nothing else is special."""
    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))


def _is_listed(request: str, difference: str, listed: list[Divergence]) -> bool:
    return any(_fits(request, d.request) and _fits(difference, d.difference) for d in listed)


def test_what_differs_is_written_down(found: dict[str, list[str]]) -> None:
    listed = read_divergences()
    unknown = [
        f"{request}\n        {difference}"
        for request, all_of_it in found.items()
        for difference in all_of_it
        if not _is_listed(request, difference, listed)
    ]
    assert not unknown, f"{len(unknown)} differences:\n" + "\n".join(unknown)


def test_what_is_written_down_differs(found: dict[str, list[str]]) -> None:
    untrue = [
        entry
        for entry in read_divergences()
        if not any(
            _is_listed(request, difference, [entry])
            for request, all_of_it in found.items()
            for difference in all_of_it
        )
    ]
    assert not untrue


def test_most_refusals_are_worded_as_openbao_words_them(asked: list[Asked]) -> None:
    refusals = [(one.request, *one.refusals) for one in asked if one.refusals]
    other = [refusal for refusal in refusals if refusal[1] != refusal[2]]
    assert len(refusals) > 150
    assert len(other) < 0.2 * len(refusals), "\n".join(map(str, other))


def test_the_table_asks_for_much() -> None:
    requests = list(read_requests())
    assert len(requests) >= 500
    assert len({request.section for request in requests}) >= 15


def test_differences_of_shape_are_seen() -> None:
    class Reply(NamedTuple):
        status: int
        body: Any

    here = {"a": 1, "b": None, "c": [{"d": 1}], "e": []}
    there = {"a": "1", "b": {}, "c": [{"d": 1, "f": 2}], "e": [1], "g": 0}
    assert list(differences(Reply(200, here), Reply(200, there))) == [
        "a: number, not string",
        "b: null, not object",
        "c[].f: only there",
        "e: empty",
        "g: only there",
    ]
    assert list(differences(Reply(200, {}), Reply(404, {}))) == ["status 200, not 404"]
    assert not list(differences(Reply(200, here), Reply(200, here)))
