"""Files of any size: encrypted here, with a data key that the server wraps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from keystead.cli.command import Group
from keystead.cli.inputs import context_option, pair
from keystead.cli.session import Session, pass_session

SUFFIX = ".keystead"


@click.group(cls=Group)
def file() -> None:
    """Encrypt and decrypt files of any size."""


_target = click.option("--out", "target", metavar="FILE", help="Write here; - is standard output.")
_force = click.option("--force", "-f", is_flag=True, help="Replace the output if it exists.")


@file.command(
    examples=[
        "keystead file encrypt orders backup.tar",
        "tar c data | keystead file encrypt orders - > data.tar.keystead",
    ]
)
@click.argument("name")
@click.argument("source", metavar="FILE")
@_target
@context_option
@_force
@pass_session
def encrypt(
    session: Session,
    name: str,
    source: str,
    target: str | None,
    context: dict[str, str],
    force: bool,
) -> None:
    """Encrypt FILE (or - for standard input) with a new data key of key NAME.

    Writes FILE.keystead, whole or not at all. The context is readable in the output and
    bound to it.
    """
    from keystead.client import files

    target = target or ("-" if source == "-" else source + SUFFIX)
    with (
        _reading(source) as reading,
        _writing(target, force) as writing,
        _progress(session, source) as progress,
    ):
        files.encrypt_stream(
            session.client, name, reading, writing, context=context, progress=progress
        )
    if target != "-":
        session.say(f"Wrote {target}")


@file.command(
    examples=[
        "keystead file decrypt backup.tar.keystead",
        "keystead file decrypt - --out - < data.tar.keystead | tar x",
    ]
)
@click.argument("source", metavar="FILE")
@_target
@click.option(
    "--context",
    "-c",
    "pairs",
    type=pair,
    metavar="NAME=VALUE",
    multiple=True,
    help="The context that the file must have; without this any will do.",
)
@_force
@pass_session
def decrypt(
    session: Session,
    source: str,
    target: str | None,
    pairs: tuple[tuple[str, str], ...],
    force: bool,
) -> None:
    """Decrypt FILE (or - for standard input), which names its key.

    Writes FILE without .keystead, once all of it has proved genuine. Standard output gets
    each chunk as it proves genuine: the whole is good only if the exit code is 0.
    """
    from keystead.client import files

    if target is None:
        target = "-" if source == "-" else source.removesuffix(SUFFIX)
        if target == source != "-":
            raise click.UsageError(f"{source} does not end in {SUFFIX}: say where with --out.")
    with (
        _reading(source) as reading,
        _writing(target, force) as writing,
        _progress(session, source) as progress,
    ):
        context = dict(pairs) if pairs else None
        files.decrypt_stream(session.client, reading, writing, context=context, progress=progress)
    if target != "-":
        session.say(f"Wrote {target}")


@contextmanager
def _reading(source: str) -> Iterator[BinaryIO]:
    if source == "-":
        yield sys.stdin.buffer
    else:
        with Path(source).open("rb") as reading:
            yield reading


@contextmanager
def _writing(target: str, force: bool) -> Iterator[BinaryIO]:
    from keystead.client.atomic import new_file

    if target == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with new_file(Path(target), replace=force) as writing:
            yield writing


@contextmanager
def _progress(session: Session, source: str) -> Iterator[Callable[[int], object]]:
    """Show a bar on standard error if that is a terminal; yields what counts bytes."""
    if session.quiet or session.json or not sys.stderr.isatty():
        yield id
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    total = Path(source).stat().st_size if source != "-" else None
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)
