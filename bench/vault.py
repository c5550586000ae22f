"""The same requests of Vault's API, asked of both servers."""

from __future__ import annotations

import base64
from typing import Any

from bench.cases import Case
from bench.load import Request
from bench.servers import Keystead, OpenBao, Server

_TEXT = base64.b64encode(b"a secret of thirty-two bytes xx!").decode()
_SECRETS = 1_000
_POLICY = """
path "transit/*" { capabilities = ["update"] }
path "kv/*" { capabilities = ["create", "read", "update"] }
"""


def prepare(server: Server, root_token: str) -> dict[str, Any]:
    """Mounts, a key, secrets, an AppRole and a token whose policies permit what is measured."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        return server.ask(method, f"/v1/{path}", body, token=root_token, header="X-Vault-Token")

    if "transit/" not in ask("GET", "sys/mounts")["data"]:
        ask("POST", "sys/mounts/transit", {"type": "transit"})
    ask("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
    ask("POST", "sys/auth/approle", {"type": "approle"})
    ask("POST", "transit/keys/vault-bench", {"type": "aes256-gcm96"})
    for number in range(_SECRETS):
        ask("POST", f"kv/data/app/{number:04d}", {"data": {"password": f"secret {number}"}})
    ask("PUT", "sys/policies/acl/vault-bench", {"policy": _POLICY})
    role = {"token_policies": ["vault-bench"], "token_ttl": "1h"}
    ask("POST", "auth/approle/role/bench", role)
    made = ask("POST", "auth/token/create", {"policies": ["vault-bench", "default"]})
    return {
        "token": made["auth"]["client_token"],
        "role_id": ask("GET", "auth/approle/role/bench/role-id")["data"]["role_id"],
        "secret_id": ask("POST", "auth/approle/role/bench/secret-id")["data"]["secret_id"],
    }


def cases(keystead: Keystead, openbao: OpenBao) -> list[Case]:
    """The table, with each side's own token and log-in."""
    ours = prepare(keystead, keystead.root_token)
    theirs = prepare(openbao, openbao.root_token)
    secrets = tuple(f"kv/data/app/{number:04d}" for number in range(_SECRETS))
    written = {"data": {"password": "another secret"}}

    def both(
        name: str, bar: float | None, method: str, *paths: str, items: int = 1, **body: Any
    ) -> Case:
        def request(side: dict[str, Any]) -> Request:
            given = {k: side[v] if v in ("role_id", "secret_id") else v for k, v in body.items()}
            full = tuple(f"/v1/{path}" for path in paths)
            return Request(full, given, method, "X-Vault-Token", side["token"])

        return Case(f"Vault API: {name}", request(ours), request(theirs), bar=bar, items=items)

    batch = [{"plaintext": _TEXT}] * 100
    key = "transit/encrypt/vault-bench"
    return [
        both("transit encrypt", 8, "POST", key, plaintext=_TEXT),
        both("transit encrypt, batch of 100", 5, "POST", key, items=100, batch_input=batch),
        both("kv v2 read", 6, "GET", *secrets),
        both("kv v2 write", 5, "POST", *secrets, **written),
        both("AppRole log-in", 5, "POST", "auth/approle/login",
             role_id="role_id", secret_id="secret_id"),
        both("token lookup-self", 6, "GET", "auth/token/lookup-self"),
    ]  # fmt: skip
