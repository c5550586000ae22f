"""What a service function is given besides its operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from keystead.call import Call
from keystead.identity.principal import Principal
from keystead.operations import Resource
from keystead.policy.engine import PolicyResource

if TYPE_CHECKING:
    from keystead.services.house import House

Judge = Callable[["Scope", str, Resource | PolicyResource], bool]
Narrow = Callable[["Scope", str], None]


@dataclass(slots=True)
class Scope:
    """One operation on its way through the gate.

    ``namespace`` is the identifier of the namespace it happens in. ``target`` is the thing
    the gate resolved before policy was asked (a ``Key`` for key operations, else None);
    ``sources`` are the other keys whose ciphertexts are opened, by identifier. ``resource``
    is what policy was asked about, ``contexts`` the distinct encryption contexts of that;
    ``by_path``: it took a path policy to permit it. ``prepared`` is what the operation's
    ``asks`` or ``before`` function returned. ``committing`` says that the change may be
    under way in the store. ``details`` and ``key_version`` go into the audit entry; never
    put a secret there.
    """

    house: House
    call: Call
    principal: Principal
    namespace: str
    now: float
    judge: Judge
    narrowed: Narrow = lambda scope, capability: None
    target: Any = None
    sources: Mapping[str, Any] = field(default_factory=dict)
    resource: PolicyResource | None = None
    contexts: tuple[Mapping[str, str], ...] | None = None
    by_path: bool = False
    prepared: Any = None
    committing: bool = False
    key_version: int | None = None
    details: dict[str, str | int | bool] = field(default_factory=dict)

    def permits(self, action: str, resource: Resource | PolicyResource) -> bool:
        """Ask policy about something else for the same caller."""
        return self.judge(self, action, resource)

    def narrow(self, capability: str) -> None:
        """Say that a write turned out to be a ``create`` or an ``update``.

        Raises PermissionDenied where it was path policies that permitted the write, and not
        with this capability.
        """
        self.narrowed(self, capability)
