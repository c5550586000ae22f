"""Log-in methods: their configuration and roles. What is secret in them cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from keystead.migration.steps import Outcome, Result, Step, settle, skip
from keystead.migration.vault_api import VaultApi


class _Method(NamedTuple):
    """Where a method keeps its roles, its configuration, and what cannot be copied."""

    roles: str
    config: str = ""
    note: str = ""


_METHODS = {
    "token": _Method("roles"),
    "approle": _Method("role", note="secret identifiers cannot be read: issue new ones"),
    "userpass": _Method("users", note="passwords cannot be read"),
    "cert": _Method("certs"),
    "jwt": _Method("role", "config"),
    "oidc": _Method("role", "config", "a client secret cannot be read"),
    "kubernetes": _Method("role", "config", "a reviewer token cannot be read"),
}
_ANSWERED_ONLY = frozenset({"name", "local_secret_ids", "lease", "policies", "ttl", "max_ttl",
                            "period", "bound_cidr_list", "display_name"})  # fmt: skip
"""Fields of a role that are told but not written, or stand for others that are."""


def login_steps(source: VaultApi, target: VaultApi, logins: dict[str, Any]) -> Iterator[Step]:
    """Steps for the configuration and the roles of every method that is mounted."""
    for path, mount in sorted(logins.items()):
        method = _METHODS.get(mount["type"])
        if method is None:
            note = f"log-in method {mount['type']} is not copied"
            yield Step("role", f"auth/{path}", partial(skip, note))
            continue
        base = f"auth/{path}"
        if method.config and (config := source.read(base + method.config)):
            copy = partial(_config, target, base + method.config, config, method.note)
            yield Step("login-config", base + method.config, copy)
        for name in source.list(base + method.roles):
            at = f"{base}{method.roles}/{name}"
            yield Step("role", at, partial(_role, source, target, mount["type"], at, method.note))


def _config(
    target: VaultApi, path: str, config: dict[str, Any], note: str, dry_run: bool
) -> Result:
    wanted = {name: value for name, value in config.items() if value not in (None, "", [], {})}
    present = target.read(path)
    same = present is not None and all(present.get(k) == v for k, v in wanted.items())
    result = settle(same, bool(present), dry_run, partial(target.write, path, wanted))
    return result._replace(note=result.note or note)


def _role(
    source: VaultApi, target: VaultApi, type_: str, path: str, note: str, dry_run: bool
) -> Result:
    role = source.read(path) or {}
    wanted = {k: v for k, v in role.items() if v is not None and k not in _ANSWERED_ONLY}
    present = target.read(path)
    same = present is not None and all(present.get(k) == v for k, v in wanted.items() if v)
    if type_ == "userpass" and present is None:
        return Result(Outcome.SKIPPED, f"{note}: write the user with a new one")
    if type_ == "approle":
        role_id = (source.read(f"{path}/role-id") or {}).get("role_id", "")
        here = (target.read(f"{path}/role-id") or {}).get("role_id") if present else None
        same = same and here == role_id
        wanted["role_id"] = role_id
    result = settle(same, present is not None, dry_run, partial(target.write, path, wanted))
    return result._replace(note=result.note or note)
