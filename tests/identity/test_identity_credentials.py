"""The text of credentials."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.errors import Unauthenticated
from keystead.identity.credentials import (
    batch_bytes,
    batch_text,
    fingerprint,
    is_mistyped,
    new_accessor,
    new_secret_id,
    new_service_token,
)


@pytest.mark.parametrize(("make", "prefix"), [(new_service_token, "kst"), (new_secret_id, "kss")])
def test_scanners_recognise_credentials_by_one_expression(make: object, prefix: str) -> None:
    for _ in range(50):
        assert re.fullmatch(rf"{prefix}_[A-Za-z0-9_-]{{48}}", make())  # type: ignore[operator]


def test_credentials_and_accessors_do_not_repeat() -> None:
    made = {make() for make in (new_service_token, new_secret_id, new_accessor) for _ in range(99)}
    assert len(made) == 3 * 99


def test_a_service_token_with_any_character_changed_is_known_to_be_mistyped() -> None:
    token = new_service_token()
    assert not is_mistyped(token)
    for at in range(4, len(token)):
        for other in "Az_-.é":
            if other != token[at]:
                assert is_mistyped(token[:at] + other + token[at + 1 :])
    for text in (token[:-1], token + "A", token + "AAAA", token + "=", "kst_", token[:-4] + "===="):
        assert is_mistyped(text)


def test_texts_of_other_forms_are_not_called_mistyped() -> None:
    assert not any(is_mistyped(text) for text in ("", "root", "ksb_x", "KST_x", "s.abc"))


@given(st.binary(max_size=300))
def test_a_batch_tokens_text_gives_its_bytes_back(sealed: bytes) -> None:
    assert batch_bytes(batch_text(sealed)) == sealed


@given(st.text(alphabet=st.characters(), max_size=40))
def test_a_batch_tokens_text_is_the_only_one_for_its_bytes(text: str) -> None:
    token = f"ksb_{text}"
    try:
        sealed = batch_bytes(token)
    except Unauthenticated:
        return
    assert batch_text(sealed) == token


def test_a_batch_token_of_excessive_length_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        batch_bytes("ksb_" + "A" * 8_192)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_every_text_has_a_fingerprint(text: str) -> None:
    assert re.fullmatch("[0-9a-f]{64}", fingerprint(text))
