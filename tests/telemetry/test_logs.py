"""Logs: one JSON object a line, with the request's id, without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from keystead.telemetry.logs import REQUEST_ID, SECRET_FIELDS, outline, redact, set_up_logs

SECRET = "hunter2-very-secret"


@pytest.fixture
def logged() -> Iterator[Callable[..., str]]:
    """Set logging up, run a function that logs, and return what was written."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def run(act: Callable[[logging.Logger], None], form: str = "json") -> str:
        stream = io.StringIO()
        set_up_logs(form, "INFO", stream)
        act(logging.getLogger("keystead.test"))
        return stream.getvalue()

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_one_json_object_with_the_request_id(logged: Callable[..., str]) -> None:
    token = REQUEST_ID.set("0123abcd")
    try:
        text = logged(lambda log: log.warning("two\nlines %s", "here", extra={"keys": 3}))
    finally:
        REQUEST_ID.reset(token)
    assert text.count("\n") == 1
    entry = json.loads(text)
    assert entry["message"] == "two\nlines here"
    assert entry["level"] == "warning"
    assert entry["logger"] == "keystead.test"
    assert entry["request_id"] == "0123abcd"
    assert entry["keys"] == 3
    assert entry["time"].endswith("Z")
    assert len(entry["time"]) == 24


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    "words",
    [
        f"token kst_{SECRET} was sent",
        f"(ksb_{SECRET}.abc-_=)",
        f"Authorization: Bearer {SECRET}",
        f"authorization=bearer {SECRET}",
        f"Authorization: Basic {SECRET}",
        f'{{"password": "{SECRET}"}}',
        f"{{'secret_id': '{SECRET}'}}",
        f'{{"plaintext":"{SECRET}","key":"a"}}',
        f"password={SECRET}&x=1",
        f"Password: {SECRET}",
        f'"shares": ["{SECRET}", "{SECRET}"]',
        f"X-Keystead-Token: {SECRET}",
        f'{{"password": "a\\"{SECRET}',
    ],
)
def test_what_looks_like_a_secret_is_never_written(
    logged: Callable[..., str], words: str, form: str
) -> None:
    def act(log: logging.Logger) -> None:
        log.info(words)
        log.info("with %s", words)
        log.info("extra", extra={"note": words})
        log.info("extra", extra={"things": [words], "more": {"a": (words,), words: 1}})

    text = logged(act, form)
    assert SECRET not in text
    assert text.count("[redacted]") >= 4


@pytest.mark.parametrize("name", SECRET_FIELDS)
def test_an_extra_field_named_like_a_secret_is_never_written(
    logged: Callable[..., str], name: str
) -> None:
    assert SECRET not in logged(lambda log: log.info("x", extra={name: SECRET}))
    assert SECRET not in logged(lambda log: log.info("x", extra={name: [SECRET]}), "text")


def test_plain_words_stay_as_they_are() -> None:
    for words in ("The key app/db was rotated.", "token renewed", "audit: 3 entries, 2 ms"):
        assert redact(words) == words


def test_an_exception_is_told_by_type_and_place_without_its_message(
    logged: Callable[..., str],
) -> None:
    def act(log: logging.Logger) -> None:
        try:
            try:
                raise KeyError(SECRET)
            except KeyError as error:
                raise ValueError(SECRET.upper()) from error
        except ValueError:
            log.exception("it failed")

    for form in ("json", "text"):
        text = logged(act, form)
        assert "builtins.KeyError" in text
        assert "builtins.ValueError" in text
        assert "test_logs.py" in text
        assert SECRET not in text
        assert SECRET.upper() not in text


def test_an_outline_ends_though_exceptions_refer_to_each_other() -> None:
    one, two = ValueError(), KeyError()
    one.__cause__, two.__cause__ = two, one
    assert outline(one).count("\n") == 1


def test_a_terminal_is_sent_no_control_characters(logged: Callable[..., str]) -> None:
    text = logged(lambda log: log.info("\x1b[2J%s", "\x07\x9b", extra={"note": "\x1b]0;x"}), "text")
    assert not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 for c in text)


def test_a_broken_format_string_does_not_stop_the_program(logged: Callable[..., str]) -> None:
    assert "%d apples" in logged(lambda log: log.info("%d apples", "many"))


def test_handlers_of_other_loggers_are_taken_away(logged: Callable[..., str]) -> None:
    other = io.StringIO()
    library = logging.getLogger("uvicorn.error")
    library.addHandler(logging.StreamHandler(other))
    library.propagate = False
    library.setLevel(logging.WARNING)
    text = logged(lambda _: library.warning("Bearer %s", SECRET))
    assert other.getvalue() == ""
    assert "[redacted]" in text
