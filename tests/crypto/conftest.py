"""Published vectors, and key material that is slow to make, once for all tests here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from keystead.crypto import SPECS, KeyMaterial, generate

_VECTORS = Path(__file__).parents[1] / "vectors" / "crypto"

Vector = dict[str, Any]

# A busy machine is no failure: properties here say nothing about time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def _load(name: str) -> Vector:
    document: Vector = json.loads((_VECTORS / f"{name}.json").read_text())
    assert document["source"]
    return document


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], list[Vector]]:
    """Return the vectors of a file, of which there must be some."""

    def load(name: str) -> list[Vector]:
        found: list[Vector] = _load(name)["vectors"]
        assert found
        return found

    return load


@pytest.fixture(scope="session")
def vector_document() -> Callable[[str], Vector]:
    """Return a whole vector file."""
    return _load


@pytest.fixture(scope="session")
def wycheproof() -> Callable[[str], list[tuple[Vector, Vector]]]:
    """Return (group, test) pairs of a Wycheproof file, of which there must be some."""

    def load(name: str) -> list[tuple[Vector, Vector]]:
        groups = _load(f"wycheproof-{name}")["testGroups"]
        pairs = [(group, test) for group in groups for test in group["tests"]]
        assert pairs
        return pairs

    return load


@cache
def _material(spec_name: str) -> KeyMaterial:
    return generate(SPECS[spec_name])


@pytest.fixture(scope="session")
def material() -> Iterator[Callable[[str], KeyMaterial]]:
    """Return a key of the named spec, the same for the whole run."""
    yield _material
    _material.cache_clear()
