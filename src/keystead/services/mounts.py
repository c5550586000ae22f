"""Mounts: made, tuned, moved, taken away."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from keystead.errors import InvalidRequest, NotFound, PermissionDenied, Sealed, UnsupportedOperation
from keystead.operations import Done, Resource
from keystead.operations.mounts import (
    LOGIN_METHODS,
    SECRETS_ENGINES,
    AskUnknownPath,
    CreateMount,
    DeleteMount,
    ListMounts,
    ListOwnMounts,
    ListVisibleMounts,
    MountConfig,
    MountPage,
    MountTuning,
    MountView,
    MoveMount,
    ShowMount,
    ShowOwnMount,
    SweepMounts,
    TuneMount,
    VisibleMounts,
)
from keystead.services.mount_table import MOUNT, MountRecord, built_in, mounts_in, view
from keystead.services.registry import changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind

if TYPE_CHECKING:
    from keystead.store.transaction import Reader, Transaction

RELOAD_ON: Final = frozenset({MOUNT.name, "namespace"})
"""Kinds whose changes the mount table must hear of."""

MAX_TTL_SECONDS = 32 * 86_400
"""The longest lease where nothing else is said."""

_SWEPT_AT_ONCE = 500

Unmount = Callable[["Transaction", str, MountView], None]
Move = Callable[["Transaction", str, MountView, str], None]

_UNMOUNTS: dict[str, Unmount] = {}
_MOVES: dict[str, Move] = {}
_KEPT: list[Kind[Any]] = []


class RemainsRecord(msgspec.Struct, frozen=True):
    """A mount that is gone; the record id is its uuid. What was kept under it is still to go."""

    path: str


REMAINS = Kind("mount-remains", RemainsRecord)


def on_unmount(type_: str) -> Callable[[Unmount], Unmount]:
    """Register what must be done at once, in the same transaction, when a mount of this type
    is taken away: ``(tx, namespace, mount)``."""

    def register(function: Unmount) -> Unmount:
        _UNMOUNTS[type_] = function
        return function

    return register


def on_move(type_: str) -> Callable[[Move], Move]:
    """Register what must be done when a mount of this type moves:
    ``(tx, namespace, mount, new path)``. What is kept under the uuid needs nothing."""

    def register(function: Move) -> Move:
        _MOVES[type_] = function
        return function

    return register


def keep_under_mounts(*kinds: Kind[Any]) -> None:
    """Say that the record ids of these kinds begin with a mount's uuid and a slash, so that
    they can be swept when it is gone."""
    _KEPT.extend(kinds)


@reads(ListMounts)
def list_mounts(operation: ListMounts, scope: Scope, reader: Reader) -> MountPage:
    return MountPage(mounts=mounts_in(reader, scope.namespace))


@reads(ShowMount)
def show_mount(operation: ShowMount, scope: Scope, reader: Reader) -> MountView:
    path = _path(operation.path)
    found = next((m for m in built_in(scope.namespace) if m.path == path), None)
    return found or view(*_find(path, scope, reader))


@reads(ListVisibleMounts)
def list_visible_mounts(
    operation: ListVisibleMounts, scope: Scope, reader: Reader
) -> VisibleMounts:
    """From memory: anyone may ask."""
    return VisibleMounts(mounts=[m for m in _known(scope) if _is_shown(m)])


@reads(ListOwnMounts)
def list_own_mounts(operation: ListOwnMounts, scope: Scope, reader: Reader) -> VisibleMounts:
    return VisibleMounts(mounts=[m for m in _known(scope) if _is_shown(m) or _is_own(m, scope)])


@reads(ShowOwnMount)
def show_own_mount(operation: ShowOwnMount, scope: Scope, reader: Reader) -> MountView:
    """Raises PermissionDenied for no mount and for one at which the caller may do nothing."""
    path = operation.path.strip("/") + "/"
    place = scope.house.mounts.find(scope.call.namespace, path)
    if place.mount is None or not _is_own(place.mount, scope):
        raise PermissionDenied
    return place.mount


def _known(scope: Scope) -> list[MountView]:
    return sorted(scope.house.mounts.all(scope.call.namespace), key=lambda mount: mount.path)


def _is_shown(mount: MountView) -> bool:
    return mount.config.listing_visibility == "unauth"


def _is_own(mount: MountView, scope: Scope) -> bool:
    """Whether a policy lets the caller do anything at a mount, or show it."""
    principal = scope.principal
    if principal.root or scope.house.paths.reaches(principal, scope.namespace, mount.path):
        return True
    return scope.permits("mount:show", Resource("mount", mount.prefix))


@changes(CreateMount)
def create_mount(operation: CreateMount, scope: Scope, tx: Transaction) -> MountView:
    """Mount something at a path that is free; raises InvalidRequest for an unknown type."""
    path = _path(operation.path)
    type_, options = _type_and_options(operation)
    known = LOGIN_METHODS if path.startswith("auth/") else SECRETS_ENGINES
    if type_ not in known:
        raise InvalidRequest(f"plugin not found in the catalog: {operation.type}", type=type_)
    _require_free(path, scope, tx)
    _check_lifetimes(operation.config)
    record = MountRecord(
        path=path,
        type=type_,
        accessor=new_accessor(path, type_),
        description=operation.description,
        config=operation.config,
        options=options,
        local=operation.local,
        seal_wrap=operation.seal_wrap,
        external_entropy_access=operation.external_entropy_access,
        created_at=scope.now,
    )
    identifier = str(uuid.uuid4())
    tx.add(MOUNT, scope.namespace, identifier, record)
    return view(identifier, record)


def new_accessor(path: str, type_: str) -> str:
    """A name for a mount that outlives its moves."""
    kind = "auth_" if path.startswith("auth/") else ""
    return f"{kind}{type_}_{secrets.token_hex(4)}"


@changes(TuneMount)
def tune_mount(operation: TuneMount, scope: Scope, tx: Transaction) -> MountView:
    """Change what a mount's owner may choose. A key-value store goes from version 1 to 2 only."""
    path = _path(operation.path)
    identifier, record = _find(path, scope, tx)
    changed: dict[str, Any] = {}
    if operation.description is not None:
        changed["description"] = operation.description
    if operation.config is not None:
        changed["config"] = _tuned(record, operation.config)
    if operation.options is not None:
        options = record.options | operation.options
        if record.type == "kv" and record.options.get("version") == "2" != options.get("version"):
            raise InvalidRequest("cannot downgrade mount from version 2")
        changed["options"] = options
    tuned = msgspec.structs.replace(record, **changed)
    tx.put(MOUNT, scope.namespace, identifier, tuned)
    return view(identifier, tuned)


def _tuned(record: MountRecord, tuning: MountTuning) -> MountConfig:
    given = msgspec.structs.asdict(tuning)
    wanted = {name: value for name, value in given.items() if value is not None}
    if "token_type" in wanted and not record.path.startswith("auth/"):
        raise InvalidRequest("'token_type' can only be modified on auth mounts")
    if "user_lockout" in wanted:
        wanted["user_lockout"] = record.config.user_lockout | wanted["user_lockout"]
    config = msgspec.structs.replace(record.config, **wanted)
    _check_lifetimes(config)
    return config


def _check_lifetimes(config: MountConfig) -> None:
    longest = config.max_lease_ttl or MAX_TTL_SECONDS
    if config.default_lease_ttl > longest:
        raise InvalidRequest(
            f"backend max lease TTL of {longest} would be less than backend default lease TTL"
            f" of {config.default_lease_ttl}"
        )


@changes(MoveMount)
def move_mount(operation: MoveMount, scope: Scope, tx: Transaction) -> MountView:
    """Move a mount to a path that is free, of the same sort (log-in methods stay such)."""
    path, target = _path(operation.path), _path(operation.target)
    if path.startswith("auth/") != target.startswith("auth/"):
        raise InvalidRequest("cannot remount between secrets engines and auth methods")
    identifier, record = _find(path, scope, tx)
    _require_free(target, scope, tx)
    if (move := _MOVES.get(record.type)) is not None:
        move(tx, scope.namespace, view(identifier, record), target)
    moved = msgspec.structs.replace(record, path=target, moved_from=path)
    tx.put(MOUNT, scope.namespace, identifier, moved)
    return view(identifier, moved)


@changes(DeleteMount)
def delete_mount(operation: DeleteMount, scope: Scope, tx: Transaction) -> Done:
    """Take a mount away. What is at it is out of reach at once, and swept later."""
    identifier, record = _find(_path(operation.path), scope, tx)
    if (unmount := _UNMOUNTS.get(record.type)) is not None:
        unmount(tx, scope.namespace, view(identifier, record))
    tx.delete(MOUNT, scope.namespace, identifier)
    tx.put(REMAINS, "", f"{scope.namespace}/{identifier}", RemainsRecord(path=record.path))
    return Done()


@changes(SweepMounts)
def sweep_mounts(operation: SweepMounts, scope: Scope, tx: Transaction) -> Done:
    swept = 0
    for place, _ in tx.list(REMAINS, "", limit=1):
        namespace, _, identifier = place.partition("/")
        for kind in _KEPT:
            prefix = f"{identifier}/"
            for found, _ in tx.list(kind, namespace, prefix=prefix, limit=_SWEPT_AT_ONCE - swept):
                tx.delete(kind, namespace, found)
                swept += 1
            if swept >= _SWEPT_AT_ONCE:
                break
        else:
            tx.delete(REMAINS, "", place)
    scope.details["records"] = swept
    return Done()


@reads(AskUnknownPath)
def ask_unknown_path(operation: AskUnknownPath, scope: Scope, reader: Reader) -> Done:
    """A worker that was unsealed this moment does not know its mounts yet: it says Sealed."""
    if scope.house.mounts.generation == 0:
        raise Sealed
    if operation.method_alone:
        raise UnsupportedOperation(operation.reason)
    raise NotFound(operation.reason)


def _type_and_options(operation: CreateMount) -> tuple[str, dict[str, str]]:
    """A mount's type under its one name, and its options."""
    options = dict(operation.options)
    if operation.type in ("kv", "kv-v1", "kv-v2", "generic"):
        if operation.type == "kv-v2":
            options["version"] = "2"
        elif operation.type == "kv-v1":
            options["version"] = "1"
        version = options.get("version", "1")
        if version not in ("1", "2"):
            raise InvalidRequest(f"unknown kv version {version}")
        return "kv", options
    return operation.type, options


def _path(text: str) -> str:
    """A mount's path in its one form; raises InvalidRequest for what cannot be one."""
    path = text.strip("/")
    segments = path.split("/")
    if not path.isprintable() or any(segment.strip() in ("", ".", "..") for segment in segments):
        raise InvalidRequest("This cannot be the path of a mount.", path=text)
    if path == "auth":
        raise InvalidRequest("A log-in method needs a path below auth/.")
    return path + "/"


def _find(path: str, scope: Scope, reader: Reader) -> tuple[str, MountRecord]:
    found = reader.by_name(MOUNT, scope.namespace, path)
    if found is None:
        if any(mount.path == path for mount in built_in(scope.namespace)):
            raise InvalidRequest(f"cannot change {path}: it is there by itself", path=path)
        raise NotFound(f"no matching mount: {path}", path=path)
    return found


def _require_free(path: str, scope: Scope, reader: Reader) -> None:
    for mount in mounts_in(reader, scope.namespace):
        if mount.path.startswith(path) or path.startswith(mount.path):
            shown = mount.path.removeprefix("auth/")
            raise InvalidRequest(f"path is already in use at {shown}", path=path)
    name = scope.house.namespaces.name_of(scope.namespace)
    below = f"{name}/{path[:-1]}" if name else path[:-1]
    if below in scope.house.namespaces.names().values():
        raise InvalidRequest(f"existing namespace at {path}", path=path)
