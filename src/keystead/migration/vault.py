"""Copy from a live Vault or OpenBao: mounts, policies, log-in roles, secrets, transit keys.

Every step compares first and copies only what is missing, so a migration that was cut short
is resumed by running it again, and running it once more reports whether both sides agree.
Nothing is changed on the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from keystead.errors import KeysteadError
from keystead.migration.kv import kv1_steps, kv2_steps
from keystead.migration.logins import login_steps
from keystead.migration.steps import Done, Outcome, Result, Step, settle, skip
from keystead.migration.transit import transit_steps
from keystead.migration.vault_api import REFUSED, VaultApi

_BUILT_IN_MOUNTS = frozenset({"sys/", "identity/", "cubbyhole/", "agent-registry/"})
_BUILT_IN_POLICIES = frozenset({"root", "default"})
_KEPT_CONFIG = (
    "default_lease_ttl",
    "max_lease_ttl",
    "listing_visibility",
    "audit_non_hmac_request_keys",
    "audit_non_hmac_response_keys",
    "passthrough_request_headers",
    "allowed_response_headers",
)


class Migration:
    """One source and one target. ``only`` are the kinds to copy; empty: all."""

    def __init__(self, source: VaultApi, target: VaultApi, only: frozenset[str] = frozenset()):
        self._source = source
        self._target = target
        self._only = only

    def steps(self) -> Iterator[Step]:
        """Everything there is to copy, mounts before what is at them."""
        mounts = _mounts(self._source, "sys/mounts")
        logins = _mounts(self._source, "sys/auth")
        every = (
            self._mount_steps("mount", "sys/mounts", mounts, _BUILT_IN_MOUNTS),
            self._mount_steps("login", "sys/auth", logins, frozenset({"token/"})),
            self._policy_steps(),
            login_steps(self._source, self._target, logins),
            self._content_steps(mounts),
        )
        for steps in every:
            for step in steps:
                if not self._only or step.kind in self._only:
                    yield step

    def run(self, step: Step, *, dry_run: bool) -> Done:
        """Carry out one step. What one side refuses fails the step, not the migration."""
        try:
            result = step.run(dry_run)
        except REFUSED as error:
            result = Result(Outcome.FAILED, error.message)
        except KeysteadError as error:
            raise type(error)(f"{step.kind} {step.name}: {error.message}") from None
        return Done(step.kind, step.name, result.outcome.value, result.note)

    def _mount_steps(
        self, kind: str, place: str, mounts: dict[str, Any], built_in: frozenset[str]
    ) -> Iterator[Step]:
        for path, mount in sorted(mounts.items()):
            if path not in built_in:
                yield Step(kind, path, partial(self._mount, place, path, mount))

    def _mount(self, place: str, path: str, mount: dict[str, Any], dry_run: bool) -> Result:
        present = _mounts(self._target, place).get(path)
        same = present is not None and _identity(present) == _identity(mount)
        config = {name: mount["config"][name] for name in _KEPT_CONFIG if mount["config"].get(name)}
        wanted = {
            "type": mount["type"],
            "description": mount.get("description", ""),
            "options": mount.get("options") or {},
            "config": config,
            "local": mount.get("local", False),
            "seal_wrap": mount.get("seal_wrap", False),
        }
        at = f"{place}/{path.rstrip('/')}"
        return settle(same, present is not None, dry_run, lambda: self._target.write(at, wanted))

    def _policy_steps(self) -> Iterator[Step]:
        for name in self._source.list("sys/policies/acl"):
            if name not in _BUILT_IN_POLICIES:
                yield Step("policy", name, partial(self._policy, name))

    def _policy(self, name: str, dry_run: bool) -> Result:
        path = f"sys/policies/acl/{name}"
        text = (self._source.read(path) or {}).get("policy", "")
        present = (self._target.read(path) or {}).get("policy")
        copy = partial(self._target.write, path, {"policy": text})
        return settle(present == text, present is not None, dry_run, copy)

    def _content_steps(self, mounts: dict[str, Any]) -> Iterator[Step]:
        for path, mount in sorted(mounts.items()):
            version = str((mount.get("options") or {}).get("version", "1"))
            if mount["type"] == "transit":
                yield from transit_steps(self._source, self._target, path)
            elif mount["type"] in ("kv", "generic"):
                steps = kv2_steps if version == "2" else kv1_steps
                yield from steps(self._source, self._target, path)
            elif path not in _BUILT_IN_MOUNTS:
                note = f"what is in a {mount['type']} mount is not copied"
                yield Step("content", path, partial(skip, note))


def _mounts(api: VaultApi, place: str) -> dict[str, Any]:
    found = api.read(place) or {}
    return {path: m for path, m in found.items() if isinstance(m, dict) and "type" in m}


def _identity(mount: dict[str, Any]) -> tuple[str, str]:
    """What makes two mounts the same: the type, and of key-value stores the version."""
    options = mount.get("options") or {}
    version = str(options.get("version", "1")) if mount["type"] in ("kv", "generic") else ""
    return "kv" if mount["type"] == "generic" else mount["type"], version
