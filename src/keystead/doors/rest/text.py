"""Text out of URLs: percent-encoding (RFC 3986, 2.1) and query strings, read strictly."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from keystead.errors import InvalidRequest

MAX_QUERY_PARAMETERS = 64

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile("[\x00-\x1f\x7f]")


def decode_text(raw: bytes) -> str:
    """Decode a path segment or a query value to text.

    Raises InvalidRequest for a broken escape, for what is not UTF-8 and for control
    characters: no name holds one, and some stores and logs cannot.
    """
    if b"%" in raw:
        if _BAD_ESCAPE.search(raw):
            raise InvalidRequest("The URL holds a broken percent-escape.")
        raw = unquote_to_bytes(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("The URL is not UTF-8.") from None
    if _CONTROL.search(text):
        raise InvalidRequest("The URL holds a control character.")
    return text


def parse_query(raw: bytes) -> dict[str, str]:
    """Read a query string; ``+`` is a space.

    Raises InvalidRequest for a parameter given twice or without ``=``, for more than 64
    parameters, and as ``decode_text`` does.
    """
    pairs = raw.split(b"&") if raw else []
    if len(pairs) > MAX_QUERY_PARAMETERS:
        raise InvalidRequest("Too many query parameters.", limit=MAX_QUERY_PARAMETERS)
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.replace(b"+", b" ").partition(b"=")
        if not equals:
            raise InvalidRequest("A query parameter has no value.")
        if (text := decode_text(name)) in values:
            raise InvalidRequest("A query parameter is given twice.")
        values[text] = decode_text(value)
    return values
