"""Links and paths in the documents lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _anchor(heading: str) -> str:
    """A heading's anchor as GitHub makes it."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.strip().replace(" ", "-")


def _anchors(path: Path) -> set[str]:
    return {_anchor(line) for line in re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)}


def test_every_relative_link_and_its_anchor_resolve(documents: list[Any]) -> None:
    broken = []
    for document in documents:
        for target in _LINK.findall(document.prose):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            path = (document.path.parent / file).resolve() if file else document.path
            if not path.exists() or (anchor and anchor not in _anchors(path)):
                broken.append(f"{document.name}: {target}")
    assert not broken


def test_every_document_under_docs_is_in_the_index(documents: list[Any]) -> None:
    index = next(document for document in documents if document.name == "docs/README.md")
    linked = {
        (index.path.parent / target.partition("#")[0]).resolve()
        for target in _LINK.findall(index.prose)
    }
    decisions = index.path.parent / "decisions"
    missing = [
        document.name
        for document in documents
        if document.name.startswith("docs/")
        and document.path != index.path
        and (document.path.parent != decisions or document.path.name == "README.md")
        and document.path not in linked
    ]
    assert not missing


def test_no_document_names_a_place_on_somebodys_machine(documents: list[Any]) -> None:
    private = re.compile(r"/work/|/root/|/home/\w|localhost:\d{4}/(?!api)")
    assert not [document.name for document in documents if private.search(document.text)]
