"""The catalogue: everything Keystead can be asked to do. Reading it is reading the product."""

from keystead.operations import (
    audit,
    cryptography,
    identity,
    keys,
    mounts,
    namespaces,
    policies,
    system,
)
from keystead.operations.base import (
    Access,
    Done,
    Effect,
    Input,
    Operation,
    Page,
    Problem,
    Reply,
    Resource,
    catalogue,
    reply_type,
)

__all__ = [
    "Access",
    "Done",
    "Effect",
    "Input",
    "Operation",
    "Page",
    "Problem",
    "Reply",
    "Resource",
    "audit",
    "catalogue",
    "cryptography",
    "identity",
    "keys",
    "mounts",
    "namespaces",
    "policies",
    "reply_type",
    "system",
]
