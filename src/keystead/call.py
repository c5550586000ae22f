"""One request, as any door hands it to the gate: everything but the operation."""

from __future__ import annotations

import itertools
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_process = secrets.token_hex(6)
_count = itertools.count()


def new_request_id() -> str:
    """A time-ordered, unique identifier of 32 hexadecimal digits; not a secret.

    Milliseconds (12), random digits of this process (12), a count of its requests (8).
    """
    return f"{time.time_ns() // 1_000_000:012x}{_process}{next(_count) & 0xFFFF_FFFF:08x}"


def _after_fork() -> None:
    global _process
    _process = secrets.token_hex(6)


os.register_at_fork(after_in_child=_after_fork)


@dataclass(slots=True)
class PathRequest:
    """How a protocol whose policies speak of paths asks for an operation.

    ``path`` is relative to the call's namespace, without a leading slash; that of a listing
    ends in one. ``capability`` is ``read``, ``list``, ``delete``, ``patch``, ``create``,
    ``update`` or ``write`` (create or update: the service narrows it). ``sudo``: the path
    needs that capability besides. ``grants``: the rights beyond the operation's own that who
    may write here has: True for all of them (whoever says how others log in hands out roles).
    ``parameters`` gives the decoded body when a policy looks at it. ``wrap_ttl`` is the
    lifetime in seconds that the reply is to be wrapped for, or None. ``admitted``: its rate
    limit has let the request in.
    """

    path: str
    capability: str
    sudo: bool = False
    grants: bool | frozenset[str] = False
    parameters: Callable[[], Mapping[str, Any]] = field(default=dict, repr=False)
    wrap_ttl: int | None = None
    admitted: bool = False


@dataclass(slots=True)
class Call:
    """Where a request came from and what it claims; nothing here is verified yet.

    ``namespace`` is a namespace's name (empty: the root namespace). ``token`` is the bearer
    credential as sent. ``client_certificate`` is DER, from a TLS handshake that proved
    possession of its key (the certificate's issuer is not checked here). ``trace_id`` is 32
    hexadecimal digits of ``traceparent`` (W3C Trace Context) or empty. ``size`` is the
    request body's length in bytes: large ones leave the event loop. ``path`` is set by doors
    whose policies speak of paths. ``mfa`` are codes of second factors by method, for a log-in.
    """

    door: str
    source_ip: str = ""
    namespace: str = ""
    token: str = field(default="", repr=False)
    client_certificate: bytes | None = field(default=None, repr=False)
    request_id: str = field(default_factory=new_request_id)
    trace_id: str = ""
    parent_span_id: str = ""
    idempotency_key: str = ""
    size: int = 0
    path: PathRequest | None = None
    mfa: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
