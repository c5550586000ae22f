"""Every command explains itself, and help costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import click
import pytest
from click.testing import CliRunner

from keystead.cli.command import LazyGroup
from keystead.cli.exit_codes import MEANINGS, exit_code
from keystead.cli.main import SECTIONS, cli
from keystead.client.problems import BY_CODE
from keystead.errors import KeysteadError


def commands(
    group: click.Group = cli,  # type: ignore[assignment]
    path: tuple[str, ...] = (),
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = list(commands())


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_the_help_of_every_command_renders_with_an_example_that_parses(
    path: tuple[str, ...], command: click.Command
) -> None:
    result = CliRunner().invoke(cli, [*path, "--help"])
    assert result.exit_code == 0
    assert command.help
    if not isinstance(command, click.Group):
        assert f"keystead {' '.join(path)}" in result.output


def test_every_command_is_known() -> None:
    assert {path[0] for path, _ in ALL} == {name for part in SECTIONS.values() for name in part}


@pytest.mark.parametrize("name", cli.entries)  # type: ignore[attr-defined]
def test_the_list_of_commands_names_each_as_the_command_itself(name: str) -> None:
    assert isinstance(cli, LazyGroup)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name


def test_no_option_takes_a_secret() -> None:
    allowed = {"root_token", "aws_secret_key", "encoded_token", "secret_id_cidr", "source_token"}
    suspicious = ("password", "secret", "token", "share", "pad", "material")
    for path, command in ALL:
        for parameter in command.params:
            name = parameter.name or ""
            takes_text = isinstance(parameter, click.Argument) or not (
                getattr(parameter, "is_flag", False) or parameter.type is click.INT
            )
            if any(word in name for word in suspicious) and takes_text:
                is_other = name.endswith(("_file", "_kind", "_ttl", "_uses")) or name in allowed
                assert is_other or parameter.type.name == "integer", (path, name)


def test_help_is_there_within_300_milliseconds_and_imports_no_http() -> None:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "keystead", "--help"], check=True, capture_output=True)
    best = time.perf_counter() - started
    for _ in range(4):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "keystead", "--help"], check=True, capture_output=True
        )
        best = min(best, time.perf_counter() - started)
    assert best < 0.3
    code = (
        "import sys; sys.argv = ['keystead', 'key', 'create', '--help']\n"
        "from keystead.cli import main\n"
        "main._run()\n"
        "sys.exit(any(m in sys.modules for m in ('httpx', 'rich', 'cryptography', 'msgspec')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("cls", BY_CODE.values(), ids=lambda c: c.__name__)
def test_every_error_has_a_documented_exit_code(cls: type[KeysteadError]) -> None:
    assert exit_code(cls()) in MEANINGS
    assert exit_code(cls()) != 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_a_shell_is_printed(offline: Any, shell: str) -> None:
    assert "_KEYSTEAD_COMPLETE" in offline("completion", shell).text


def test_completion_knows_the_commands(offline: Any) -> None:
    environment = {
        "_KEYSTEAD_COMPLETE": "bash_complete",
        "COMP_WORDS": "keystead key ro",
        "COMP_CWORD": "2",
    }
    assert "rotate" in offline(**environment).text


def test_the_bash_completion_script_is_one_that_bash_reads(offline: Any) -> None:
    script = offline("completion", "bash").text
    subprocess.run(["bash", "-n"], input=script.encode(), check=True, env=os.environ)
