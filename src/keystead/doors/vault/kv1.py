"""Key-value stores without versions: kv version 1."""

from __future__ import annotations

from keystead.doors.vault.engine import Answer, Engine, Lease, Reply
from keystead.doors.vault.request import VaultRequest, seconds
from keystead.errors import InvalidRequest, NotFound
from keystead.operations.secrets import DeleteSecret, ListSecrets, ReadSecret, WriteSecret

ENGINE = Engine("kv-v1")

DEFAULT_LEASE_SECONDS = 32 * 86_400


@ENGINE.read("{path*}")
async def read(request: VaultRequest, path: str) -> Reply:
    secret = await request.perform(ReadSecret(name=f"{request.mount.path}{path}"))
    if secret.data is None:
        raise NotFound
    return Answer(data=secret.data, lease=_lease(request, secret.data))


@ENGINE.write("{path*}")
async def write(request: VaultRequest, path: str) -> Reply:
    await request.perform(WriteSecret(name=f"{request.mount.path}{path}", data=request.body))
    return None


@ENGINE.delete("{path*}")
async def delete(request: VaultRequest, path: str) -> Reply:
    await request.perform(DeleteSecret(name=f"{request.mount.path}{path}"))
    return None


@ENGINE.list("", "{path*}")
async def list_folder(request: VaultRequest, path: str = "") -> Reply:
    names = await folder(request, path)
    return {"keys": names}


async def folder(request: VaultRequest, path: str) -> list[str]:
    """The names in a folder; raises NotFound if there are none."""
    after, limit = listing_part(request)
    operation = ListSecrets(folder=f"{request.mount.path}{path}", after=after, limit=limit)
    reply = await request.perform(operation)
    if not reply.names:
        raise NotFound
    return reply.names


def listing_part(request: VaultRequest) -> tuple[str, int]:
    """``after`` and ``limit`` of the query; by default all. Raises InvalidRequest."""
    return request.query.get("after", ""), max(0, query_integer(request, "limit"))


def query_integer(request: VaultRequest, name: str) -> int:
    """A whole number in the query, 0 without one; raises InvalidRequest."""
    text = request.query.get(name, "")
    try:
        return int(text[:20]) if text else 0
    except ValueError:
        raise InvalidRequest(
            f'Field validation failed: error converting input for field "{name}"', field=name
        ) from None


def _lease(request: VaultRequest, data: dict[str, object]) -> Lease:
    """For how long a client may rely on a value: what the value itself says, if it does."""
    given = data.get("ttl", data.get("lease"))
    try:
        held = seconds(given, "ttl") if given is not None else 0
    except InvalidRequest:
        held = 0
    held = held or request.mount.config.default_lease_ttl or DEFAULT_LEASE_SECONDS
    return Lease("", held, False)
