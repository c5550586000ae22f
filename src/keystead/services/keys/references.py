"""Which keys an operation needs, before policy is asked about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keystead.crypto.ciphertext import parse
from keystead.errors import DecryptionFailed, InvalidRequest
from keystead.operations import Operation
from keystead.operations.cryptography import Decrypt, Reencrypt, ReencryptBatch
from keystead.operations.keys import ImportKey

REENCRYPTING = frozenset({Reencrypt, ReencryptBatch})

MAX_SOURCES = 1_000  # all are named in one audit entry


def main_reference(operation: Operation[Any]) -> str:
    """The key that the operation is about: as named, or as the ciphertext says.

    Empty if the operation is about no single key, or one that is to be. Raises
    DecryptionFailed for a ciphertext that names no key when the operation does not either.
    """
    if operation.names is None or (isinstance(operation, ImportKey) and not operation.new_version):
        return ""
    name: str = getattr(operation, operation.names)
    if name or not isinstance(operation, Decrypt):
        return name
    return parse(operation.ciphertext).key_id.hex()


def source_uses(
    operation: Reencrypt | ReencryptBatch,
) -> dict[tuple[str, tuple[tuple[str, str], ...]], Mapping[str, str]]:
    """The keys whose ciphertexts are opened, each with the contexts they were made with.

    By key identifier and context. Ciphertexts that are not Keystead's are passed over here:
    they fail where they are opened. Raises InvalidRequest for more than ``MAX_SOURCES``.
    """
    items = operation.items if isinstance(operation, ReencryptBatch) else [operation]
    used: dict[tuple[str, tuple[tuple[str, str], ...]], Mapping[str, str]] = {}
    for item in items:
        try:
            reference = parse(item.ciphertext).key_id.hex()
        except DecryptionFailed:
            continue
        context = item.source_context
        used[reference, tuple(sorted(context.items()))] = context
    if len(used) > MAX_SOURCES:
        raise InvalidRequest("These ciphertexts are of too many keys.", limit=MAX_SOURCES)
    return used
