"""Key-value secrets, with all their versions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from keystead.migration.steps import Outcome, Result, Step, settle
from keystead.migration.vault_api import VaultApi

_SETTINGS = ("max_versions", "cas_required", "delete_version_after", "custom_metadata")


def kv1_steps(source: VaultApi, target: VaultApi, mount: str) -> Iterator[Step]:
    """A step for each secret of a store of version 1."""
    for path in _walk(source, mount.rstrip("/"), ""):
        yield Step("secret", mount + path, partial(_copy_v1, source, target, mount + path))


def _copy_v1(source: VaultApi, target: VaultApi, path: str, dry_run: bool) -> Result:
    data, present = source.read(path), target.read(path)
    if data is None:
        return Result(Outcome.SKIPPED, "gone meanwhile")
    copy = partial(target.write, path, data)
    return settle(present == data, present is not None, dry_run, copy)


def kv2_steps(source: VaultApi, target: VaultApi, mount: str) -> Iterator[Step]:
    """A step for each secret of a store of version 2."""
    for path in _walk(source, f"{mount}metadata", ""):
        yield Step("secret", mount + path, partial(_copy_v2, source, target, mount, path))


def _copy_v2(source: VaultApi, target: VaultApi, mount: str, path: str, dry_run: bool) -> Result:
    """Copy every version under its own number.

    Versions that the source no longer gives out (deleted, destroyed, or beyond its
    ``max_versions``) take their number here too, and are destroyed.
    """
    metadata = source.read(f"{mount}metadata/{path}")
    if metadata is None:
        return Result(Outcome.SKIPPED, "gone meanwhile")
    newest = int(metadata["current_version"])
    if newest == 0:
        return Result(Outcome.SKIPPED, "it has no version")
    present = target.read(f"{mount}metadata/{path}") or {}
    copied = int(present.get("current_version") or 0)
    if copied > newest:
        return Result(Outcome.DIFFERS, f"it has {copied} versions here and {newest} there")
    for number in range(1, copied + 1):
        if not _same_version(source, target, mount, path, number):
            return Result(Outcome.DIFFERS, f"version {number} is another; it was left alone")
    if copied == newest:
        return Result(Outcome.PRESENT, _unreadable(metadata))
    if dry_run:
        return Result(Outcome.PLANNED, _unreadable(metadata))
    settings = {name: metadata[name] for name in _SETTINGS if metadata.get(name)}
    keep = max(newest, int(metadata.get("max_versions") or 0))
    target.write(f"{mount}metadata/{path}", {"max_versions": keep})
    for number in range(copied + 1, newest + 1):
        data = _version(source, mount, path, number)
        body = {"data": data if data is not None else {}, "options": {"cas": number - 1}}
        target.write(f"{mount}data/{path}", body)
        if data is None:
            target.write(f"{mount}destroy/{path}", {"versions": [number]})
    settings["max_versions"] = keep if "max_versions" in settings else 0
    target.write(f"{mount}metadata/{path}", settings)
    return Result(Outcome.COPIED, _unreadable(metadata))


def _same_version(source: VaultApi, target: VaultApi, mount: str, path: str, number: int) -> bool:
    theirs = _version(source, mount, path, number)
    return theirs is None or theirs == _version(target, mount, path, number)


def _version(api: VaultApi, mount: str, path: str, number: int) -> dict[str, Any] | None:
    """One version's data; None if it was deleted or destroyed, or is no longer kept."""
    found = api.read(f"{mount}data/{path}", version=number)
    return None if found is None else found.get("data")


def _unreadable(metadata: dict[str, Any]) -> str:
    versions = metadata.get("versions") or {}
    deleted = sorted(
        int(number)
        for number, version in versions.items()
        if version.get("deletion_time") and not version.get("destroyed")
    )
    if not deleted:
        return ""
    listed = ", ".join(map(str, deleted))
    return f"deleted versions cannot be read and were not copied: {listed}"


def _walk(api: VaultApi, base: str, folder: str) -> Iterator[str]:
    """Every path below a folder, depth first."""
    for name in api.list(f"{base}/{folder}".rstrip("/") + "/"):
        if name.endswith("/"):
            yield from _walk(api, base, folder + name)
        else:
            yield folder + name
