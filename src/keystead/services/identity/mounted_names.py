"""What logs in at a mount by its name alone: users, AppRoles, certificate roles.

At the usual mount, which is called like its type and need not be there, ``ci`` is kept as
``ci``; at the mount ``auth/team`` as ``team/ci``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from keystead.errors import NotFound
from keystead.identity.lineage import incarnation
from keystead.identity.records import AppRoleRecord, CertificateRoleRecord, UserRecord
from keystead.operations.mounts import MountView
from keystead.services.identity.mounted_roles import new_incarnation
from keystead.services.identity.revoking import sweep
from keystead.services.mount_table import MOUNT
from keystead.services.mounts import on_move, on_unmount
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader, Transaction

RecordT = TypeVar("RecordT", UserRecord, AppRoleRecord, CertificateRoleRecord)

_PAGE = 500


@dataclass(frozen=True, slots=True)
class MountedNames(Generic[RecordT]):
    """The records of one log-in method. ``type`` is that of its mounts; ``prefix`` what the
    names of its principals begin with."""

    kind: Kind[RecordT]
    type: str
    prefix: str

    def principal(self, name: str) -> str:
        """Who logs in under the name."""
        return f"{self.prefix}/{name}"

    def require_mount(self, reader: Reader, scope: Scope, name: str) -> None:
        """Check that the mount that a name belongs to is there; raises NotFound."""
        mount = name.rpartition("/")[0]
        if mount:
            found = reader.by_name(MOUNT, scope.namespace, f"auth/{mount}/")
            if found is None or found[1].type != self.type:
                raise NotFound(f"There is no {self.type} log-in at auth/{mount}.", mount=mount)

    def page(
        self, reader: Reader, namespace: str, mount: str | None, after: str, limit: int
    ) -> tuple[list[str], str]:
        """A page of names; see ``page``."""
        return page(reader, self.kind, namespace, mount, after, limit)

    def delete(self, tx: Transaction, namespace: str, name: str) -> None:
        """Delete a record, if there is one, and revoke its tokens."""
        record = tx.get(self.kind, namespace, name)
        if record is not None:
            tx.delete(self.kind, namespace, name)
            sweep(tx, incarnation(self.principal(name), record))

    def unmount(self, tx: Transaction, namespace: str, mount: MountView) -> None:
        """Delete what logs in at a mount that is taken away."""
        for name in names_at(tx, self.kind, namespace, self.short(mount.path)):
            self.delete(tx, namespace, name)

    def move(self, tx: Transaction, namespace: str, mount: MountView, target: str) -> None:
        """Rename what logs in at a mount that moves. The tokens end, as they do in Vault."""
        new = self.short(target)
        for name in names_at(tx, self.kind, namespace, self.short(mount.path)):
            record = tx.get(self.kind, namespace, name)
            assert record is not None
            self.delete(tx, namespace, name)
            fresh: Any = msgspec.structs.replace(record, incarnation=new_incarnation())
            tx.add(self.kind, namespace, joined(new, name.rpartition("/")[2]), fresh)

    def follow_mounts(self) -> None:
        """Have ``unmount`` and ``move`` called when that happens to a mount of this type."""
        on_unmount(self.type)(self.unmount)
        on_move(self.type)(self.move)

    def short(self, path: str) -> str:
        """What names at the mount of that path begin with, before a slash; empty for the usual."""
        mount = path.removeprefix("auth/").strip("/")
        return "" if mount == self.type else mount


def joined(mount: str, name: str) -> str:
    """The full name of something at a mount (empty: the usual one)."""
    return f"{mount}/{name}" if mount else name


def page(
    reader: Reader, kind: Kind[Any], namespace: str, mount: str | None, after: str, limit: int
) -> tuple[list[str], str]:
    """Names of a mount (empty: the usual; None: of all), and the cursor for more, if any."""
    prefix = f"{mount}/" if mount else ""
    found = [
        name for name, _ in reader.list(kind, namespace, prefix=prefix, after=after, limit=limit)
    ]
    names = [name for name in found if mount is None or name.rpartition("/")[0] == mount]
    return names, found[-1] if len(found) == limit else ""


def names_at(reader: Reader, kind: Kind[Any], namespace: str, mount: str | None) -> list[str]:
    """All names of a mount."""
    names, after = page(reader, kind, namespace, mount, "", _PAGE)
    while after:
        more, after = page(reader, kind, namespace, mount, after, _PAGE)
        names += more
    return names
