"""What commands take, and how they print."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.cli import render
from keystead.cli.inputs import duration, from_base64, pair
from keystead.errors import InvalidRequest
from keystead.operations.identity import IssuedToken, TokenView
from keystead.operations.keys import KeyPage


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)],
)
def test_durations_have_units(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@given(st.text(max_size=6))
def test_what_is_no_duration_is_a_usage_error(text: str) -> None:
    try:
        assert duration(text) >= 0
    except click.BadParameter:
        assert not text.isascii() or not text.isdecimal()


def test_a_pair_is_cut_at_the_first_equals_sign() -> None:
    assert pair("a=b=c") == ("a", "b=c")
    assert pair("a=") == ("a", "")
    for text in ("", "a", "=b"):
        with pytest.raises(click.BadParameter):
            pair(text)


@given(st.binary(max_size=30))
def test_what_is_no_base64_is_an_invalid_request(data: bytes) -> None:
    try:
        from_base64(data)
    except InvalidRequest:
        return


def test_base64_may_be_wrapped_in_lines() -> None:
    assert from_base64(b"aGVs\r\nbG8=\n") == b"hello"


def test_json_has_every_field_also_at_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    view = TokenView(accessor="a", principal="p", kind="service", roles=[], created_at=1.0)
    render.print_json(IssuedToken(token="t", info=view))
    shown = json.loads(capsys.readouterr().out)
    assert set(shown["info"]) == set(TokenView.__struct_fields__)
    assert shown["info"]["root"] is False


def test_an_empty_list_is_an_empty_list_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_json(KeyPage(keys=[]))
    assert json.loads(capsys.readouterr().out) == {"keys": [], "next": ""}


def test_stored_text_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_rows(["name"], [[render.text("name", "a\x1b[2Jb\x9bc\rd")]])
    view = TokenView(accessor="a\x1b]0;x\x07", principal="p", kind="k", roles=[], created_at=1.0)
    render.print_table(view)
    assert not set("\x1b\x9b\x07\r") & set(capsys.readouterr().out)


def test_square_brackets_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_rows(["name"], [["[red]x[/red]"]])
    assert "[red]x[/red]" in capsys.readouterr().out


def test_times_are_utc_and_durations_have_units() -> None:
    assert render.text("expires_at", 0.0) == "1970-01-01 00:00:00Z"
    assert render.text("period_seconds", 7200) == "2h"
    assert render.text("period_seconds", 61) == "61s"


def test_a_server_that_is_not_there_is_said_in_two_lines_and_exits_6(offline: Any) -> None:
    result = offline("status", code=6)
    assert result.err.startswith("keystead: The server cannot be reached.")
    assert "hint: " in result.err


def test_a_wrong_command_line_exits_2(offline: Any) -> None:
    assert "No such command" in offline("nonsense", code=2).err
    offline("key", "create", code=2)
    offline("encrypt", "k", "-c", "nopair", code=2)
    offline("token", "revoke", code=2)
    offline("key", "import", "k", "--wrapped", "x", code=2)


def test_files_that_are_not_there_are_named(offline: Any) -> None:
    assert "nowhere" in offline("encrypt", "k", "--in", "nowhere", code=1).err
    assert "nowhere" in offline("file", "decrypt", "nowhere.keystead", code=1).err


def test_input_that_is_not_base64_is_said_to_be_so(offline: Any) -> None:
    assert "not base64" in offline("decrypt", given=b"\xff\xfe", code=1).err


def test_an_argument_that_is_not_unicode_is_an_error_and_no_traceback(offline: Any) -> None:
    assert "Unicode" in offline("key", "show", "a\udcffb", code=1).err


def test_a_generated_root_token_is_decoded_with_its_pad(offline: Any) -> None:
    import base64

    token, pad = b"kst_abcdef", bytes(range(100, 164))
    encoded = base64.b64encode(bytes(a ^ b for a, b in zip(token, pad, strict=False))).decode()
    decode = ("operator", "generate-root", "decode", "--encoded-token", encoded)
    assert offline(*decode, given=base64.b64encode(pad)).text == "kst_abcdef\n"
    offline(*decode, given=base64.b64encode(bytes(200 for _ in pad)), code=1)
