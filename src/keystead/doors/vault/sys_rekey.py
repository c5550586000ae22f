"""``sys/``: replacing shares, making a root token, rotating the keyring.

The same ceremonies answer under their names in Vault (``rekey``, without an envelope) and
under those that OpenBao's command line asks for (``rotate/root``, in one).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from keystead.doors.vault.bare import bare, repeated
from keystead.doors.vault.engine import Engine, Reply
from keystead.doors.vault.request import VaultRequest
from keystead.doors.vault.shares import share_of
from keystead.doors.vault.sys_seal import share_texts
from keystead.doors.vault.times import rfc3339
from keystead.errors import InvalidRequest, NotFound, UnsupportedOperation
from keystead.operations.system import (
    CancelGenerateRoot,
    CancelRekey,
    CeremonyStatus,
    ContinueGenerateRoot,
    ContinueRekey,
    RotateKeyring,
    ShowGenerateRoot,
    ShowKeyring,
    ShowRekey,
    ShowStatus,
    StartGenerateRoot,
    StartRekey,
    VerifyRekey,
)

ENGINE = Engine("sys-rekey")


def _rekey(prefix: str, *, recovery: bool, enveloped: bool) -> None:
    """The routes of one name for replacing the shares."""

    def answer(body: dict[str, Any]) -> Reply:
        return body if enveloped else bare(body)

    async def suit(request: VaultRequest) -> None:
        """Unseal shares are replaced under one name, recovery shares under the other."""
        if (await request.perform(ShowStatus())).automatic is not recovery:
            what = "recovery rekey" if recovery else "rekey of an automatic seal"
            raise InvalidRequest(f"{what} is not supported")

    async def show(request: VaultRequest) -> Reply:
        await suit(request)
        return answer(_rekey_status(await request.perform(ShowRekey())))

    async def start(request: VaultRequest) -> Reply:
        await suit(request)
        if request.body.get("pgp_keys") or request.boolean("backup"):
            raise InvalidRequest("PGP keys are not supported")
        operation = StartRekey(
            shares=_shares(request, "secret_shares", 5),
            threshold=_shares(request, "secret_threshold", 3),
            verify=request.boolean("require_verification"),
        )
        return answer(_rekey_status(await request.perform(operation)))

    async def update(request: VaultRequest) -> Reply:
        await suit(request)
        operation = ContinueRekey(nonce=_nonce(request), share=_share(request))
        try:
            status = await request.perform(operation)
        except NotFound:
            raise InvalidRequest("no rekey in progress") from None
        if not status.shares:
            return answer(_rekey_status(status))
        return answer(
            {
                "nonce": status.nonce if not status.verifying else operation.nonce,
                "complete": True,
                **share_texts(status.shares),
                "pgp_fingerprints": None,
                "backup": False,
                "verification_required": status.verifying,
                "verification_nonce": status.nonce if status.verifying else "",
            }
        )

    async def show_verification(request: VaultRequest) -> Reply:
        await suit(request)
        status = await request.perform(ShowRekey())
        if not status.verifying:
            raise InvalidRequest("no rekey configuration found")
        return answer(_verification(status))

    async def verify(request: VaultRequest) -> Reply:
        await suit(request)
        operation = VerifyRekey(nonce=_nonce(request), share=_share(request))
        try:
            status = await request.perform(operation)
        except NotFound:
            raise InvalidRequest("no rekey verification in progress") from None
        if status.complete:
            return answer({"nonce": status.nonce, "complete": True})
        return answer(_verification(status))

    async def no_backup(request: VaultRequest) -> Reply:
        await request.perform(ShowKeyring())
        raise InvalidRequest("no backed-up keys found")

    ENGINE.read(f"{prefix}/init", public=True)(show)
    ENGINE.write(f"{prefix}/init", public=True)(start)
    ENGINE.delete(f"{prefix}/init")(_cancel_rekey)
    ENGINE.write(f"{prefix}/update", public=True)(update)
    ENGINE.read(f"{prefix}/verify", public=True)(show_verification)
    ENGINE.write(f"{prefix}/verify", public=True)(verify)
    ENGINE.delete(f"{prefix}/verify")(_cancel_rekey)
    backup = "rekey/recovery-key-backup" if prefix == "rekey-recovery-key" else f"{prefix}/backup"
    ENGINE.read(backup, sudo=True)(no_backup)
    ENGINE.delete(backup, sudo=True)(_forget_backup)


async def _cancel_rekey(request: VaultRequest) -> Reply:
    await request.perform(CancelRekey())
    return None


async def _forget_backup(request: VaultRequest) -> Reply:
    await request.perform(ShowKeyring())
    return None


_rekey("rekey", recovery=False, enveloped=False)
_rekey("rekey-recovery-key", recovery=True, enveloped=False)
_rekey("rotate/root", recovery=False, enveloped=True)
_rekey("rotate/recovery", recovery=True, enveloped=True)


def _rekey_status(status: CeremonyStatus) -> dict[str, Any]:
    return {
        "nonce": status.nonce,
        "started": status.started,
        "t": status.new_threshold,
        "n": status.new_shares,
        "progress": 0 if status.verifying else status.progress,
        "required": status.threshold,
        "pgp_fingerprints": None,
        "backup": False,
        "verification_required": status.verification_required,
        "verification_nonce": status.nonce if status.verifying else "",
    }


def _verification(status: CeremonyStatus) -> dict[str, Any]:
    return {
        "nonce": status.nonce,
        "started": status.started,
        "t": status.new_threshold,
        "n": status.new_shares,
        "progress": status.progress,
    }


def _shares(request: VaultRequest, name: str, default: int) -> int:
    count = request.integer(name, default)
    if not 1 <= count <= 16:
        raise InvalidRequest(f"{name} must be 1 to 16")
    return count


def _nonce(request: VaultRequest) -> str:
    nonce = request.text("nonce")
    if not nonce:
        raise InvalidRequest("missing required field 'nonce'")
    return nonce


def _share(request: VaultRequest) -> str:
    key = request.text("key")
    if not key:
        raise InvalidRequest("'key' must be specified in request body as JSON")
    return share_of(key)


# --- a root token -------------------------------------------------------------------------


@ENGINE.read("generate-root/attempt", "generate-root-token/attempt", public=True)
async def show_generate_root(request: VaultRequest) -> Reply:
    return _root_reply(request, await request.perform(ShowGenerateRoot()))


@ENGINE.write("generate-root/attempt", "generate-root-token/attempt", public=True)
async def start_generate_root(request: VaultRequest) -> Reply:
    if request.text("pgp_key"):
        raise InvalidRequest("PGP keys are not supported")
    status = await request.perform(StartGenerateRoot(one_time_pad=request.text("otp").encode()))
    return _root_reply(request, status)


@ENGINE.delete("generate-root/attempt", "generate-root-token/attempt")
async def cancel_generate_root(request: VaultRequest) -> Reply:
    await request.perform(CancelGenerateRoot())
    return None


@ENGINE.write("generate-root/update", "generate-root-token/update", public=True)
async def continue_generate_root(request: VaultRequest) -> Reply:
    operation = ContinueGenerateRoot(nonce=_nonce(request), share=_share(request))
    try:
        return _root_reply(request, await request.perform(operation))
    except NotFound:
        raise InvalidRequest("no root generation in progress") from None


def _root_reply(request: VaultRequest, status: CeremonyStatus) -> Reply:
    """At OpenBao's own path the answer has an envelope."""
    told = _root_status(status)
    return told if request.path.startswith("generate-root-token/") else bare(told)


def _root_status(status: CeremonyStatus) -> dict[str, Any]:
    """The encoded token is base64 without padding, as Vault has it."""
    encoded = b64encode(b64decode(status.encoded_token)).decode().rstrip("=")
    return {
        "nonce": status.nonce,
        "started": status.started,
        "progress": status.progress,
        "required": status.threshold,
        "complete": status.complete,
        "encoded_token": encoded,
        "encoded_root_token": encoded,
        "pgp_fingerprint": "",
        "otp": status.one_time_pad.decode("ascii"),
        "otp_length": status.pad_length,
    }


# --- the keyring --------------------------------------------------------------------------


@ENGINE.read("key-status")
async def key_status(request: VaultRequest) -> Reply:
    """Encryptions are not counted: the cipher that seals records has no limit of them."""
    keyring = await request.perform(ShowKeyring())
    return repeated(
        {
            "term": keyring.active,
            "install_time": rfc3339(keyring.rotated_at),
            "encryptions": 0,
        }
    )


@ENGINE.write("rotate", "rotate/keyring", sudo=True)
async def rotate(request: VaultRequest) -> Reply:
    await request.perform(RotateKeyring())
    return None


@ENGINE.read("rotate/config", "rotate/keyring/config")
async def rotation(request: VaultRequest) -> Reply:
    """The keyring is rotated when someone asks: its cipher has no limit of messages."""
    await request.perform(ShowKeyring())
    return {"enabled": False, "interval": 0, "max_operations": 0}


@ENGINE.write("rotate/config", "rotate/keyring/config", sudo=True)
async def configure_rotation(request: VaultRequest) -> Reply:
    await request.perform(ShowKeyring())
    raise UnsupportedOperation("The keyring is not rotated automatically: it has no need to be.")
