"""What a service function is given besides its operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from keystead.call import Call
from keystead.identity.principal import Principal
from keystead.operations import Resource

if TYPE_CHECKING:
    from keystead.services.house import House


@dataclass(slots=True)
class Scope:
    """One operation on its way through the gate.

    ``namespace`` is the identifier of the namespace it happens in. ``target`` is the thing
    the gate resolved before policy was asked (a ``Key`` for key operations, else None);
    ``sources`` are the other keys whose ciphertexts are opened, by identifier.
    ``prepared`` is what the operation's ``before`` function returned. ``permits`` asks policy
    about something else for the same caller. ``details``, ``key_version`` and ``uses`` (of
    that version, for the counters) go into the audit entry; never put a secret there.
    """

    house: House
    call: Call
    principal: Principal
    namespace: str
    now: float
    permits: Callable[[str, Resource], bool]
    target: Any = None
    sources: dict[str, Any] = field(default_factory=dict)
    prepared: Any = None
    key_version: int | None = None
    uses: int = 1
    details: dict[str, str | int | bool] = field(default_factory=dict)
