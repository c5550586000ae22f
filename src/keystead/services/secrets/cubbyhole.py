"""What a token keeps for itself: nobody else reaches it, and it ends with the token.

The records hang on the token's accessor. When a token has ended they are out of reach at once;
they are looked at now and then, and removed if their token holds no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from keystead.discreet import Discreet
from keystead.errors import InvalidRequest, NotFound, PayloadTooLarge, Unauthenticated
from keystead.identity.credentials import BATCH_PREFIX
from keystead.identity.lineage import trace
from keystead.identity.records import TOKEN
from keystead.operations import Done
from keystead.operations.cubbyholes import (
    CubbyholeNames,
    CubbyholeValue,
    DeleteCubbyhole,
    ListCubbyhole,
    ReadCubbyhole,
    WriteCubbyhole,
)
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.services.secrets.listing import entries
from keystead.services.secrets.merge import require_shallow
from keystead.services.secrets.place import require_path, require_printable
from keystead.services.secrets.values import MAX_VALUE_BYTES
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

LOOK_AGAIN_SECONDS: Final = 3600.0

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class CubbyholeRecord(Discreet, frozen=True, kw_only=True):
    """One value of a token; the record id is ``<accessor>/<path>``. ``home`` is the namespace
    of the token. At ``look_at`` (Unix seconds) it is asked whether the token still holds."""

    home: str
    data: bytes
    look_at: float


CUBBYHOLE = Kind("cubbyhole", CubbyholeRecord, expires_of=lambda record: record.look_at)


@reads(ReadCubbyhole)
def read_cubbyhole(operation: ReadCubbyhole, scope: Scope, reader: Reader) -> CubbyholeValue:
    """Raises NotFound if there is nothing."""
    record = reader.get(CUBBYHOLE, scope.namespace, _place(scope, operation.path))
    if record is None:
        raise NotFound
    return CubbyholeValue(data=_decode(record.data))


@reads(ListCubbyhole)
def list_cubbyhole(operation: ListCubbyhole, scope: Scope, reader: Reader) -> CubbyholeNames:
    _require_service_token(scope)
    folder = operation.path.strip("/")
    require_printable(folder)
    prefix = f"{scope.principal.accessor}/{folder}/" if folder else f"{scope.principal.accessor}/"
    found = entries(reader, CUBBYHOLE, scope.namespace, prefix)
    return CubbyholeNames(names=[name for name, _ in found])


@changes(WriteCubbyhole)
def write_cubbyhole(operation: WriteCubbyhole, scope: Scope, tx: Transaction) -> Done:
    """Raises InvalidRequest for nothing to write, PayloadTooLarge beyond 1 MiB."""
    place = _place(scope, operation.path)
    scope.narrow("update" if tx.get(CUBBYHOLE, scope.namespace, place) else "create")
    if not operation.data:
        raise InvalidRequest("missing data fields")
    require_shallow(operation.data)
    encoded = _encode(operation.data)
    if len(encoded) > MAX_VALUE_BYTES:
        raise PayloadTooLarge("This is too large to be kept.", limit=MAX_VALUE_BYTES)
    record = CubbyholeRecord(
        home=scope.principal.namespace, data=encoded, look_at=scope.now + LOOK_AGAIN_SECONDS
    )
    tx.put(CUBBYHOLE, scope.namespace, place, record)
    return Done()


@changes(DeleteCubbyhole)
def delete_cubbyhole(operation: DeleteCubbyhole, scope: Scope, tx: Transaction) -> Done:
    """What is not there is no error."""
    tx.delete(CUBBYHOLE, scope.namespace, _place(scope, operation.path))
    return Done()


def holds(reader: Reader, home: str, accessor: str, now: float) -> bool:
    """Whether a token of that namespace still holds."""
    found = reader.by_name(TOKEN, "", f"{home}/{accessor}")
    if found is None:
        return False
    try:
        trace(reader, found[1], now)
    except Unauthenticated:
        return False
    return True


def _place(scope: Scope, path: str) -> str:
    _require_service_token(scope)
    require_path(path)
    return f"{scope.principal.accessor}/{path}"


def _require_service_token(scope: Scope) -> None:
    """A batch token is not stored, so nothing can be kept until it ends."""
    if scope.call.token.startswith(BATCH_PREFIX):
        raise InvalidRequest("cubbyhole operations are only supported by 'service' type tokens")
