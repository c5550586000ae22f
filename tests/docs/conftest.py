"""The Markdown documents of the repository, and what is inside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    """A command of a ```console block, and the output lines that follow it there."""

    command: str
    output: list[str] = field(default_factory=list)

    @property
    def pattern(self) -> re.Pattern[str]:
        """``…`` alone on a line stands for any lines, within a line for any text."""
        parts = []
        for line in self.output:
            if line == "…":
                parts.append(r"(?:.*\n)*?")
            else:
                words = re.escape(line).replace("…", ".*")
                parts.append(re.sub(r"(?:\\ )+", " +", words) + r" *\n")
        return re.compile("".join(parts))


@dataclass
class Document:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[str]:
        return [body for language, body in _FENCE.findall(self.text) if language in languages]

    def examples(self) -> Iterator[Example]:
        """The commands of all console blocks in order; ``> `` continues a command."""
        for block in self.blocks("console"):
            example: Example | None = None
            for line in block.splitlines():
                if line.startswith("$ "):
                    if example is not None:
                        yield example
                    example = Example(line[2:])
                elif example is None:
                    raise ValueError(f"{self.name}: output before a command: {line}")
                elif line.startswith("> ") and not example.output:
                    example.command += "\n" + line[2:]
                else:
                    example.output.append(line)
            if example is not None:
                yield example


@pytest.fixture(scope="session")
def documents() -> list[Document]:
    """Every Markdown file that belongs to the repository."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")]
    assert len(found) > 10
    return [Document(path) for path in sorted(found)]


@pytest.fixture(scope="session")
def readme() -> Document:
    return Document(ROOT / "README.md")
