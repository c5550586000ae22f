"""Which keys an operation needs, before policy is asked about them."""

from __future__ import annotations

from typing import Any

from keystead.crypto.ciphertext import parse
from keystead.errors import DecryptionFailed
from keystead.operations import Operation
from keystead.operations.cryptography import Decrypt, Reencrypt, ReencryptBatch


def main_reference(operation: Operation[Any]) -> str:
    """The key that the operation is about: as named, or as the ciphertext says.

    Empty if the operation is about no single key. Raises DecryptionFailed for a ciphertext
    that names no key when the operation does not either.
    """
    if isinstance(operation, Decrypt) and not operation.key:
        return parse(operation.ciphertext).key_id.hex()
    return operation.resource().name


def source_references(operation: Operation[Any]) -> list[str]:
    """The keys, besides the main one, whose ciphertexts the operation opens."""
    if isinstance(operation, Reencrypt):
        items = [operation.ciphertext]
    elif isinstance(operation, ReencryptBatch):
        items = [item.ciphertext for item in operation.items]
    else:
        return []
    references = set()
    for ciphertext in items:
        try:
            references.add(parse(ciphertext).key_id.hex())
        except DecryptionFailed:
            continue  # the item's own failure is reported where it is opened
    return sorted(references)
