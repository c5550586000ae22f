"""Key material does not leak and is not mistaken for a value."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable

import pytest

from keystead.crypto import SPECS, KeyMaterial, Usage, import_material, open_private
from keystead.errors import InvalidRequest, KeysteadError

SECRET = b"correct horse battery staple!!!!"
SHOWN = (SECRET.decode(), SECRET.hex(), repr(SECRET)[2:-1])


def shows_secret(text: str) -> bool:
    return any(form in text for form in SHOWN)


def test_reveal_is_the_way_out_and_len_says_how_much() -> None:
    key = KeyMaterial(SECRET)
    assert key.reveal() == SECRET
    assert len(key) == len(SECRET)


def test_text_forms_show_the_length_only() -> None:
    key = KeyMaterial(SECRET)
    for text in (repr(key), str(key), f"{key}", repr([key])):
        assert not shows_secret(text)
        assert "32 bytes" in text


def test_an_exception_that_holds_material_does_not_show_it() -> None:
    error = RuntimeError("with", KeyMaterial(SECRET))
    assert not shows_secret("".join(traceback.format_exception(error)))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_material_is_neither_copied_nor_pickled(duplicate: Callable[[object], object]) -> None:
    with pytest.raises(TypeError):
        duplicate(KeyMaterial(SECRET))


def test_equal_bytes_are_still_different_keys() -> None:
    one, other = KeyMaterial(SECRET), KeyMaterial(SECRET)
    assert one != other
    assert one == one
    assert len({one, other}) == 2


def test_material_has_no_attributes_to_walk() -> None:
    with pytest.raises(TypeError):
        vars(KeyMaterial(SECRET))


def test_a_wiped_key_is_gone() -> None:
    source = bytearray(SECRET)
    key = KeyMaterial(source)
    key.wipe()
    assert key.reveal() == b""
    assert source == SECRET


@pytest.mark.parametrize("name", SPECS)
def test_a_refused_import_shows_nothing_of_the_bytes(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        import_material(SPECS[name], SECRET * 20)
    error = caught.value
    assert not shows_secret("".join(traceback.format_exception(error)))
    assert not shows_secret(f"{error.message} {error.hint} {error.details}")


@pytest.mark.parametrize("name", SPECS)
def test_a_handle_shows_nothing_of_its_key(
    name: str, material: Callable[[str], KeyMaterial]
) -> None:
    key = material(name)
    for usage in SPECS[name].usages:
        handle = open_private(SPECS[name], usage, key)
        assert key.reveal().hex() not in repr(handle)
        with pytest.raises((TypeError, KeysteadError)):
            pickle.dumps(handle)
    assert isinstance(usage, Usage)
