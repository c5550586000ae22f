"""``sys/``: the server itself. What it answers is put together from one module a topic."""

from __future__ import annotations

from keystead.doors.vault import (
    leases,
    mfa,
    sys_audit,
    sys_host,
    sys_internal,
    sys_mounts,
    sys_namespaces,
    sys_policies,
    sys_quotas,
    sys_rekey,
    sys_seal,
    sys_storage,
    sys_tools,
    wrapping,
)
from keystead.doors.vault.engine import Engine

ENGINE = Engine("system")

for part in (
    leases.ENGINE,
    mfa.SYSTEM,
    sys_audit.ENGINE,
    sys_host.ENGINE,
    sys_internal.ENGINE,
    sys_mounts.ENGINE,
    sys_namespaces.ENGINE,
    sys_policies.ENGINE,
    sys_quotas.ENGINE,
    sys_rekey.ENGINE,
    sys_seal.ENGINE,
    sys_storage.ENGINE,
    sys_tools.ENGINE,
    wrapping.ENGINE,
):
    ENGINE.include(part)
