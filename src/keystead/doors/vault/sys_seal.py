"""``sys/``: initialize, unseal, seal, and how the server is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from keystead.doors.vault.bare import bare
from keystead.doors.vault.engine import Engine, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.shares import pack_share, share_of
from keystead.errors import InvalidRequest
from keystead.operations.system import (
    Initialize,
    Seal,
    SealStatus,
    ShowStatus,
    Unseal,
)

ENGINE = Engine("sys-seal")

CLUSTER_NAME: Final = "keystead"
_HEALTH_CODES: Final = {"uninitcode": 501, "sealedcode": 503, "activecode": 200}
_NO_TIME: Final = "0001-01-01T00:00:00Z"


@ENGINE.read("init", public=True)
async def read_init(request: VaultRequest) -> Reply:
    status = await request.perform(ShowStatus())
    return bare({"initialized": status.initialized})


@ENGINE.write("init", public=True)
async def initialize(request: VaultRequest) -> Reply:
    """With an automatic seal the shares are recovery shares."""
    if request.body.get("pgp_keys") or request.body.get("root_token_pgp_key"):
        raise InvalidRequest("PGP keys are not supported")
    status = await request.perform(ShowStatus())
    kind = "recovery" if status.automatic and request.has("recovery_shares") else "secret"
    shares = request.integer(f"{kind}_shares") or 5
    threshold = request.integer(f"{kind}_threshold") or (3 if shares >= 3 else shares)
    _require_shareable(shares, threshold, kind)
    made = await request.perform(Initialize(shares=shares, threshold=threshold))
    keys = share_texts(made.shares)
    if not status.automatic:
        return bare({**keys, "root_token": made.root_token})
    return bare(
        {
            "keys": [],
            "keys_base64": [],
            "recovery_keys": keys["keys"],
            "recovery_keys_base64": keys["keys_base64"],
            "root_token": made.root_token,
        }
    )


@ENGINE.read("seal-status", public=True)
async def seal_status(request: VaultRequest) -> Reply:
    return bare(_seal_status(await request.perform(ShowStatus())))


@ENGINE.write("unseal", public=True)
async def unseal(request: VaultRequest) -> Reply:
    if request.boolean("migrate"):
        raise InvalidRequest("can't perform a seal migration, a migration seal is not configured")
    key, reset = request.text("key"), request.boolean("reset")
    if not key and not reset:
        raise InvalidRequest(
            "'key' must be specified in request body as JSON, or 'reset' set to true"
        )
    status = await request.perform(ShowStatus())
    if not status.sealed:
        if reset:
            raise InvalidRequest("vault is unsealed")
        return bare(_seal_status(status))
    share = "" if reset else share_of(key)
    return bare(_seal_status(await request.perform(Unseal(share=share, reset=reset))))


@ENGINE.write("seal", sudo=True)
async def seal(request: VaultRequest) -> Reply:
    await request.perform(Seal())
    return None


@ENGINE.read("health", public=True)
async def health(request: VaultRequest) -> Reply:
    """The status code says how the node is; a query parameter may say which code that is."""
    codes = {name: _code(request, name, code) for name, code in _HEALTH_CODES.items()}
    status = await request.perform(ShowStatus())
    state = "activecode"
    if not status.initialized:
        state = "uninitcode"
    elif status.sealed:
        state = "sealedcode"
    body: dict[str, Any] = {
        "initialized": status.initialized,
        "sealed": status.sealed,
        "standby": False,
        "performance_standby": False,
        "replication_performance_mode": "disabled",
        "replication_dr_mode": "disabled",
        "server_time_utc": int(time.time()),
        "version": status.version,
        "enterprise": False,
    }
    if status.cluster_id:
        body |= {"cluster_name": CLUSTER_NAME, "cluster_id": status.cluster_id}
    return bare(body, codes[state])


@ENGINE.read("leader", public=True)
async def leader(request: VaultRequest) -> Reply:
    await request.perform(ShowStatus())
    return bare(
        {
            "ha_enabled": False,
            "is_self": False,
            "active_time": _NO_TIME,
            "leader_address": "",
            "leader_cluster_address": "",
            "performance_standby": False,
            "performance_standby_last_remote_wal": 0,
        }
    )


@ENGINE.write("step-down", public=True)
async def step_down(request: VaultRequest) -> Reply:
    """There is nothing to step down from: every node serves."""
    await request.perform(ShowStatus())
    return None


def share_texts(shares: list[str]) -> dict[str, Any]:
    """Shares in both forms that clients of Vault know."""
    from base64 import b64encode

    packed = [pack_share(share) for share in shares]
    return {
        "keys": [share.hex() for share in packed],
        "keys_base64": [b64encode(share).decode() for share in packed],
    }


def _seal_status(status: SealStatus) -> Mapping[str, Any]:
    known: dict[str, Any] = {
        "type": status.seal_type,
        "initialized": status.initialized,
        "sealed": status.sealed,
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
        "nonce": "",
        "version": status.version,
        "build_date": _NO_TIME,
        "migration": False,
        "recovery_seal": status.automatic,
        "storage_type": status.storage,
    }
    if status.cluster_id:
        known |= {"cluster_name": CLUSTER_NAME, "cluster_id": status.cluster_id}
    return known


def _code(request: VaultRequest, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 200 <= int(text[:4]) <= 599):
        raise InvalidRequest(f"invalid value for {name}")
    return int(text)


def _require_shareable(shares: int, threshold: int, kind: str) -> None:
    """What Vault says of numbers that go nowhere. Raises InvalidRequest."""
    if not 1 <= shares <= 16:
        raise InvalidRequest(f"{kind} shares must be 1 to 16")
    if threshold > shares:
        raise InvalidRequest(
            f"invalid {kind} configuration: threshold cannot be larger than shares"
        )
    if shares > 1 and threshold <= 1:
        raise InvalidRequest(
            f"invalid {kind} configuration: threshold must be greater than one for multiple shares"
        )
