"""Folders of secrets, without looking into the folders in them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from keystead.operations.secrets import (
    Folder,
    ListSecretDetails,
    ListSecrets,
    SecretInfo,
    SecretInfos,
    SecretNames,
)
from keystead.services.registry import reads
from keystead.services.scope import Scope
from keystead.services.secrets.metadata import view
from keystead.services.secrets.place import locate_store, require_printable
from keystead.services.secrets.records import SECRET, SecretRecord
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.store.transaction import Reader

T = TypeVar("T")

_LAST = "\U0010ffff"
_LARGEST_PAGE = 512


@reads(ListSecrets)
def list_secrets(operation: ListSecrets, scope: Scope, reader: Reader) -> SecretNames:
    """An empty folder is one that is not there: no names."""
    page, more = _page(operation, scope, reader)
    names = [name for name, _ in page]
    return SecretNames(names=names, next=names[-1] if more else "")


@reads(ListSecretDetails)
def list_details(operation: ListSecretDetails, scope: Scope, reader: Reader) -> SecretInfos:
    """An empty folder is one that is not there: no secrets."""
    page, more = _page(operation, scope, reader)
    infos = [SecretInfo(name=name, secret=view(r) if r else None) for name, r in page]
    return SecretInfos(secrets=infos, next=infos[-1].name if more else "")


def _page(
    operation: Folder, scope: Scope, reader: Reader
) -> tuple[list[tuple[str, SecretRecord | None]], bool]:
    """Up to ``limit`` entries of a folder, and whether there are more."""
    place = locate_store(scope, operation.folder)
    folder = place.path.strip("/")
    require_printable(folder)
    prefix = f"{place.mount.uuid}/{folder}/" if folder else f"{place.mount.uuid}/"
    found = entries(reader, SECRET, scope.namespace, prefix, operation.after)
    page = list(islice(found, operation.limit + 1)) if operation.limit else list(found)
    more = bool(operation.limit) and len(page) > operation.limit
    return page[: operation.limit] if more else page, more


def entries(
    reader: Reader, kind: Kind[T], namespace: str, prefix: str, after: str = ""
) -> Iterator[tuple[str, T | None]]:
    """What is in the folder whose records' ids begin with ``prefix``, by name, after the one
    named: records, and as None the folders in it, whose names end in a slash.

    A folder is passed over in one step however much is in it; between records the pages grow.
    """
    cursor, page = _beyond(prefix, after), 1
    while True:
        rows = reader.list(kind, namespace, prefix=prefix, after=cursor, limit=page)
        for id, value in rows:
            name, slash, _ = id[len(prefix) :].partition("/")
            if slash:
                yield f"{name}/", None
                cursor, page = _beyond(prefix, f"{name}/"), 1
                break
            yield name, value
            cursor = id
        else:
            if len(rows) < page:
                return
            page = min(page * 4, _LARGEST_PAGE)


def _beyond(prefix: str, name: str) -> str:
    """The cursor after a name: of a folder, beyond all that is in it."""
    if not name:
        return ""
    return f"{prefix}{name}{_LAST}" if name.endswith("/") else f"{prefix}{name}"
