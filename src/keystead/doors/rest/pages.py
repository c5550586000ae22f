"""The API's description and its interactive documentation, made when first asked for.

The page is ours and whole: it loads nothing from any other host, and its policy forbids it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Final

from keystead.doors.asgi import Header
from keystead.doors.rest.routes import PREFIX

Answer = tuple[int, list[Header], bytes]

_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@functools.cache
def openapi_json() -> bytes:
    """Return the OpenAPI 3.1 description of this API as JSON."""
    import msgspec

    from keystead.doors.rest.openapi import describe

    return msgspec.json.encode(describe())


@functools.cache
def _asset(name: str) -> bytes:
    return (resources.files("keystead.doors.rest") / "static" / name).read_bytes()


def _page(media_type: bytes, content: Callable[[], bytes]) -> Callable[[], Answer]:
    def answer() -> Answer:
        headers = [
            (b"content-type", media_type),
            (b"cache-control", b"no-cache"),
            (b"x-content-type-options", b"nosniff"),
            (b"content-security-policy", _POLICY),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
        ]
        return 200, headers, content()

    return answer


_BASE: Final = PREFIX.encode()
PAGES: Final[Mapping[bytes, Callable[[], Answer]]] = {
    _BASE + b"/openapi.json": _page(b"application/json", openapi_json),
    _BASE + b"/docs": _page(b"text/html; charset=utf-8", lambda: _asset("docs.html")),
    _BASE + b"/docs/docs.js": _page(b"text/javascript; charset=utf-8", lambda: _asset("docs.js")),
    _BASE + b"/docs/docs.css": _page(b"text/css; charset=utf-8", lambda: _asset("docs.css")),
}
