"""Commands, options and settings that the documents name exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

import click
import pytest

from keystead.cli.main import cli
from keystead.node.config import parse

_INLINE = re.compile(r"`(keystead(?: [^`]*)?)`")
_AT_WORK = re.compile(r"(?:^|[|;(]\s*|\$ |\w=\S*\s)(keystead .*)")


def _command_lines(document: Any) -> Iterator[str]:
    """What follows ``keystead``, up to the end of its part of the command line."""
    for block in document.blocks("console", "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"\s[|;]+\s|&&", line):
                yield from _AT_WORK.findall(part)
    yield from (text for text in _INLINE.findall(document.prose) if " " in text)


def _words(line: str) -> list[str]:
    """The words before any redirection, comment or alternative; COMMAND stands for any."""
    line = re.split(r"\s[<>#|]|\s2>", line)[0]
    line = re.sub(r"\$\([^)]*\)|…", "X", line).rstrip(")")
    return [word for word in shlex.split(line)[1:] if word != "COMMAND"]


def _problem(words: list[str]) -> str:
    """What is wrong with a command line; empty if its command and options exist."""
    command: click.Command = cli
    context = click.Context(cli, info_name="keystead")
    known = {option for param in cli.params for option in param.opts}
    for word in words:
        if word.startswith("-") and word != "-":
            option = word.partition("=")[0]
            known |= {option for param in command.params for option in param.opts}
            if option not in known | {"--help"} and option[:2] not in known:
                return f"no option {option}"
        elif isinstance(command, click.Group) and (word.isidentifier() or "-" in word):
            found = command.get_command(context, word)
            if found is None:
                return f"no command {word}"
            command = found
    return ""


def test_every_command_and_option_in_the_documents_exists(documents: list[Any]) -> None:
    checked, wrong = 0, []
    for document in documents:
        for line in _command_lines(document):
            checked += 1
            if problem := _problem(_words(line)):
                wrong.append(f"{document.name}: {line}: {problem}")
    assert checked > 50
    assert not wrong


@pytest.mark.parametrize(
    "line", ["keystead backup now", "keystead key create x --colour red", "keystead audit praise"]
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    assert _problem(_words(line))


def test_every_configuration_in_the_documents_is_one_that_the_server_takes(
    documents: list[Any],
) -> None:
    found = 0
    for document in documents:
        for block in document.blocks("toml"):
            if "[storage]" in block:
                parse(block, document.name)
                found += 1
            else:
                tomllib.loads(block)
    assert found
