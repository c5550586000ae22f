"""Logs on standard error: one JSON object a line, or text for people. Secrets are taken out.

Nobody should log a secret; this is the net below. It takes out whatever looks like a token
and the value of every field that is named like a secret, in messages and in extra fields.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final, TextIO

import msgspec

REQUEST_ID: Final[ContextVar[str]] = ContextVar("keystead_request_id", default="")
"""The request that the present task works for; doors set it."""

REDACTED: Final = "[redacted]"
SECRET_FIELDS: Final = (
    "authorization",
    "client_secret",
    "derived_key",
    "key_material",
    "material",
    "one_time_pad",
    "passphrase",
    "password",
    "plaintext",
    "private_key",
    "root_key",
    "root_token",
    "secret",
    "secret_id",
    "share",
    "shared_secret",
    "shares",
    "token",
    "x-keystead-token",
)
"""Names of fields whose values are never written, in any letter case."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_FIELDS = "|".join(re.escape(name) for name in SECRET_FIELDS)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # a terminal would obey these
_TOKEN = re.compile(r"\bks[tb]_[A-Za-z0-9_\-.=+/]+")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[^\s\"',;]+", re.IGNORECASE)
_PAIR = re.compile(
    rf"""(?i)(?<![\w-])(["']?(?:{_FIELDS})["']?\s*[:=]\s*)"""
    r"""("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\[[^\]]*\]?|[^\s,;&)}\]]+)"""
)


def redact(text: str) -> str:
    """Return ``text`` without tokens, bearer credentials and the values of secret fields."""
    text = _BEARER.sub(rf"\1 {REDACTED}", text)
    text = _TOKEN.sub(REDACTED, text)
    return _PAIR.sub(rf"\1{REDACTED}", text)


def outline(error: BaseException) -> str:
    """Describe an unforeseen error by type and place, without its message.

    The message of an exception may quote what the caller sent; lines of source do not.
    """
    return "\n".join(_outline(error))


def _outline(error: BaseException) -> Iterator[str]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    for each in reversed(chain):
        cls = type(each)
        yield f"{cls.__module__}.{cls.__qualname__}"
        for frame in traceback.extract_tb(each.__traceback__):
            yield f"  at {frame.filename}:{frame.lineno} {frame.name}: {frame.line or ''}"


def _clean(name: str, value: object) -> object:
    """Return a field's value with every secret in it taken out, as something JSON can hold."""
    if name.lower() in SECRET_FIELDS:
        return REDACTED
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {redact(str(key)): _clean(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", each) for each in value]
    return redact(str(value))


def _extra(record: logging.LogRecord) -> dict[str, object]:
    """Return the record's extra fields, cleaned, and the request's id."""
    fields = {
        name: _clean(name, value)
        for name, value in vars(record).items()
        if name not in _STANDARD and not name.startswith("_")
    }
    if request_id := REQUEST_ID.get():
        fields.setdefault("request_id", request_id)
    return fields


def _message(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception:
        text = str(record.msg)
    if record.exc_info and record.exc_info[1] is not None:
        text = f"{text}\n{outline(record.exc_info[1])}"
    return redact(text)


class JsonFormatter(logging.Formatter):
    """One JSON object: time (RFC 3339, UTC), level, logger, message, extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        seconds, milliseconds = divmod(int(record.created * 1000), 1000)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        entry = _extra(record) | {
            "time": f"{stamp}.{milliseconds:03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        return msgspec.json.encode(entry).decode()


class TextFormatter(logging.Formatter):
    """A line for people: time of day, level, message, extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%H:%M:%S", time.localtime(record.created))
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items())
        line = f"{stamp} {record.levelname.lower():8}{_message(record)}{extra}"
        return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", line)


def set_up_logs(
    form: str = "json", level: str = "INFO", stream: TextIO | None = None
) -> logging.Handler:
    """Send every log of this process to ``stream`` (standard error), and return the handler.

    ``form`` is ``json`` or ``text``. Loggers of uvicorn and other libraries lose handlers of
    their own, so that nothing is written that was not redacted.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    return handler
