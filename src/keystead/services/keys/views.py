"""Keys as callers see them."""

from __future__ import annotations

from base64 import b64encode

from keystead.crypto import public_pem
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.keys import (
    KeyPage,
    KeyView,
    ListKeys,
    ShowKey,
    VersionView,
)
from keystead.services.keys.cache import find_record
from keystead.services.keys.records import KEY, MATERIAL, KeyRecord
from keystead.services.registry import reads
from keystead.services.scope import Scope
from keystead.store.transaction import Reader


def view(reader: Reader, namespace: str, key_id: str, record: KeyRecord) -> KeyView:
    """Everything about a key but its material."""
    rows = reader.list(MATERIAL, namespace, parent=key_id, limit=len(record.versions))
    publics = {row.version: row.public for _, row in rows if row.public}
    return KeyView(
        id=key_id,
        name=record.name,
        spec=record.spec,
        usage=record.usage,
        state=record.state,
        primary_version=record.primary,
        versions=[
            VersionView(
                version=v.version,
                state=v.state,
                created_at=v.created_at,
                primary=v.version == record.primary,
                public_key=public_text(publics[v.version]) if v.version in publics else None,
                destroyed_at=v.destroyed_at,
                destroy_at=v.destroy_at,
            )
            for v in record.versions
        ],
        created_at=record.created_at,
        origin=record.origin,
        exportable=record.exportable,
        aliases=record.aliases,
        tags=record.tags,
        description=record.description,
        owner=record.owner,
        classification=record.classification,
        required_context=record.required_context,
        grace_seconds=record.grace_seconds,
        destroy_at=record.destroy_at,
    )


def public_text(public: bytes) -> str:
    """A public part as PEM; in base64 where it has no PEM form (X-Wing)."""
    try:
        return public_pem(public)
    except InvalidRequest:
        return b64encode(public).decode()


@reads(ShowKey)
def show_key(operation: ShowKey, scope: Scope, reader: Reader) -> KeyView:
    found = find_record(reader, scope.namespace, operation.key)
    if found is None:
        raise NotFound(f"There is no key {operation.key}.", key=operation.key)
    return view(reader, scope.namespace, *found)


@reads(ListKeys)
def list_keys(operation: ListKeys, scope: Scope, reader: Reader) -> KeyPage:
    """List by name. A tag filter is applied to each page read, so pages may come out short."""
    rows = reader.list(
        KEY,
        scope.namespace,
        after=operation.after,
        limit=operation.limit + 1,
        state=operation.state or None,
        prefix=operation.prefix,
        by="name",
    )
    page = rows[: operation.limit]
    name, _, value = operation.tag.partition("=")
    keys = [
        view(reader, scope.namespace, key_id, record)
        for key_id, record in page
        if not name or record.tags.get(name) == value
    ]
    return KeyPage(keys=keys, next=page[-1][1].name if len(rows) > len(page) else "")
