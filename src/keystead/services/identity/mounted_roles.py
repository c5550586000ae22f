"""Roles that belong to a log-in mount: where they are kept, and what becomes of them with it.

The role ``ci`` of the mount that is called like its method is kept as ``ci``, that of the
mount ``auth/team`` as ``team/ci``: so a principal is ``jwt/ci`` or ``jwt/team/ci``.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from keystead.errors import NotFound
from keystead.identity.lineage import incarnation
from keystead.identity.records import JwtRoleRecord, KubernetesRoleRecord
from keystead.operations.mounts import MountView
from keystead.services.identity.granting import require_method_grant
from keystead.services.identity.revoking import sweep
from keystead.services.mount_table import MOUNT, view
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader, Transaction

RoleT = TypeVar("RoleT", JwtRoleRecord, KubernetesRoleRecord)

_PAGE = 100


@dataclass(frozen=True, slots=True)
class MountedRoles(Generic[RoleT]):
    """The roles of one log-in method. ``usual`` is what its principals' names begin with, and
    its usual mount; ``types`` are the types of its mounts."""

    kind: Kind[RoleT]
    usual: str
    types: tuple[str, ...]

    def mount(self, reader: Reader, scope: Scope, path: str) -> MountView:
        """The mount at a path below ``auth/``; raises NotFound unless it is of this method."""
        found = reader.by_name(MOUNT, scope.namespace, f"auth/{path.strip('/')}/")
        if found is None or found[1].type not in self.types:
            raise NotFound(f"There is no {self.usual} log-in at auth/{path}.", mount=path)
        return view(*found)

    def mount_of(self, reader: Reader, scope: Scope, name: str) -> MountView:
        """The mount that a role of that name belongs to; raises NotFound."""
        return self.mount(reader, scope, name.rpartition("/")[0] or self.usual)

    def name(self, mount: str, role: str) -> str:
        """A role's one name, from the path of its mount below ``auth/``."""
        mount = mount.strip("/")
        return role if mount in ("", self.usual) else f"{mount}/{role}"

    def normal(self, name: str) -> str:
        """The one form of a role's name."""
        mount, _, role = name.rpartition("/")
        return self.name(mount, role)

    def principal(self, name: str) -> str:
        """Who logs in as the role."""
        return f"{self.usual}/{name}"

    def display_name(self, mount: MountView, user: str) -> str:
        """What the tokens of a user are called."""
        return f"{mount.prefix.removeprefix('auth/').replace('/', '-')}-{user}"

    def find(self, reader: Reader, scope: Scope, name: str) -> RoleT:
        """A role; raises NotFound."""
        record = reader.get(self.kind, scope.namespace, name)
        if record is None:
            raise NotFound("", role=name)
        return record

    def require_grant(self, reader: Reader, scope: Scope, mount: MountView) -> None:
        """Check that the caller may give all that the mount's roles give: who says whom a
        mount trusts can log in as any of them."""
        for name, role in self.of(reader, scope.namespace, mount):
            require_method_grant(scope, reader, self.principal(name), role.roles)

    def of(self, reader: Reader, namespace: str, mount: MountView) -> Iterator[tuple[str, RoleT]]:
        """The roles of a mount, by name."""
        after = ""
        while page := reader.list(
            self.kind, namespace, parent=mount.uuid, after=after, limit=_PAGE
        ):
            after = page[-1][0]
            yield from page

    def put(self, tx: Transaction, scope: Scope, name: str, record: RoleT) -> None:
        """Create or replace a role that the caller may give; its tokens stay."""
        present = tx.get(self.kind, scope.namespace, name)
        scope.narrow("create" if present is None else "update")
        require_method_grant(scope, tx, self.principal(name), record.roles)
        tx.put(self.kind, scope.namespace, name, record)

    def delete(self, tx: Transaction, namespace: str, name: str) -> None:
        """Delete a role, if there is one, and revoke its tokens."""
        record = tx.get(self.kind, namespace, name)
        if record is not None:
            tx.delete(self.kind, namespace, name)
            sweep(tx, incarnation(self.principal(name), record))

    def unmount(self, tx: Transaction, namespace: str, mount: MountView) -> None:
        """Delete the roles of a mount that is taken away."""
        for name, _ in list(self.of(tx, namespace, mount)):
            self.delete(tx, namespace, name)

    def move(self, tx: Transaction, namespace: str, mount: MountView, target: str) -> None:
        """Rename the roles of a mount that moves. Their tokens end, as they do in Vault."""
        roles = list(self.of(tx, namespace, mount))
        self.unmount(tx, namespace, mount)
        for name, record in roles:
            renamed = self.name(target.removeprefix("auth/"), name.rpartition("/")[2])
            fresh: Any = msgspec.structs.replace(record, incarnation=new_incarnation())
            tx.add(self.kind, namespace, renamed, fresh)


def new_incarnation() -> str:
    """What the tokens of a new role will hang on."""
    return secrets.token_hex(16)
