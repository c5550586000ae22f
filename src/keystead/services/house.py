"""The parts that services work with, put together by the node at start."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from keystead.identity.jwt_keys import IssuerKeys
from keystead.policy.paths.engine import PathPolicies
from keystead.services.database.connections import Connections
from keystead.services.keys.cache import Keys
from keystead.services.keys.usage import UsageCounters
from keystead.services.mount_table import MountTable
from keystead.services.quota_table import Quotas
from keystead.services.secrets.cache import Secrets

if TYPE_CHECKING:
    from keystead.identity.authenticator import Authenticator
    from keystead.policy.engine import PolicyEngine
    from keystead.seal.keyring import Keyring
    from keystead.services.audit_log import AuditLog
    from keystead.services.feed import ChangeFeed
    from keystead.services.namespaces import Namespaces
    from keystead.services.seal_state import SealState
    from keystead.store.store import Store
    from keystead.telemetry.metrics import Metrics
    from keystead.telemetry.traces import Traces


@dataclass(slots=True)
class House:
    """Everything a worker has. ``clock`` gives Unix seconds; ``pool`` runs slow cryptography."""

    store: Store
    keyring: Keyring
    namespaces: Namespaces
    seal: SealState
    authenticator: Authenticator
    policies: PolicyEngine
    audit: AuditLog
    feed: ChangeFeed
    pool: ThreadPoolExecutor
    clock: Callable[[], float]
    metrics: Metrics
    traces: Traces | None = None
    paths: PathPolicies = field(default_factory=PathPolicies)
    mounts: MountTable = field(default_factory=MountTable)
    quotas: Quotas = field(default_factory=lambda: Quotas(time.monotonic))
    keys: Keys = field(default_factory=Keys)
    secrets: Secrets = field(default_factory=Secrets)
    usage: UsageCounters = field(default_factory=UsageCounters)
    databases: Connections = field(default_factory=Connections)
    issuers: IssuerKeys = field(default_factory=IssuerKeys)
    node: str = ""
