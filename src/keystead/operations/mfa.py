"""Second factors at log-in: methods, who must use which, and log-ins that wait for one."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.operations.base import Access, Done, Effect, Input, Operation, Reply
from keystead.operations.identity import IssuedToken

Id = Annotated[str, Meta(max_length=64)]
Ids = Annotated[list[Annotated[str, Meta(max_length=256)]], Meta(max_length=1000)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
Text = Annotated[str, Meta(max_length=256)]
Number = Annotated[int, Meta(ge=0, le=2**31)]


class MfaMethod(Input, frozen=True, kw_only=True):
    """How codes of a method are made (RFC 6238); ``period`` is in seconds."""

    name: Text = ""
    issuer: Text = ""
    period: Number = 30
    key_size: Number = 20
    qr_size: Number = 200
    algorithm: Text = "SHA1"
    digits: Number = 6
    skew: Number = 1
    max_validation_attempts: Number = 5


class MfaMethodView(Reply, frozen=True, omit_defaults=False):
    id: str
    method: MfaMethod


class MfaMethods(Reply, frozen=True, omit_defaults=False):
    methods: list[MfaMethodView]


class MfaSecret(Reply, frozen=True, omit_defaults=False):
    """A person's key as a URL and as a QR code (PNG in Base64). ``present``: there was one
    already, which is not shown."""

    url: str = ""
    barcode: str = ""
    present: bool = False


class MfaEnforcement(Reply, frozen=True, omit_defaults=False):
    """Who must use one of ``method_ids``: whoever logs in at one of the mounts (by accessor or
    type), and whose entity is one of these or is in one of these groups."""

    id: str
    name: str
    method_ids: list[str]
    accessors: list[str]
    types: list[str]
    group_ids: list[str]
    entity_ids: list[str]


class MfaEnforcements(Reply, frozen=True, omit_defaults=False):
    enforcements: list[MfaEnforcement]


class WriteMfaMethod(Operation[MfaMethodView], frozen=True, kw_only=True):
    """Create a method, or replace the one with that identifier."""

    action: ClassVar[str] = "mfa-method:write"
    kind: ClassVar[str] = "mfa-method"
    names: ClassVar[str | None] = "id"
    effect: ClassVar[Effect] = Effect.CHANGE

    id: Id = ""
    method: MfaMethod


class ShowMfaMethod(Operation[MfaMethodView], frozen=True, kw_only=True):
    """Show a method."""

    action: ClassVar[str] = "mfa-method:show"
    kind: ClassVar[str] = "mfa-method"
    names: ClassVar[str | None] = "id"
    effect: ClassVar[Effect] = Effect.READ

    id: Id


class ListMfaMethods(Operation[MfaMethods], frozen=True, kw_only=True):
    """List the methods."""

    action: ClassVar[str] = "mfa-method:list"
    kind: ClassVar[str] = "mfa-method"
    effect: ClassVar[Effect] = Effect.READ


class DeleteMfaMethod(Operation[Done], frozen=True, kw_only=True):
    """Delete a method that nobody must use, with all keys of people for it."""

    action: ClassVar[str] = "mfa-method:delete"
    kind: ClassVar[str] = "mfa-method"
    names: ClassVar[str | None] = "id"
    effect: ClassVar[Effect] = Effect.CHANGE

    id: Id


class GenerateOwnMfaSecret(Operation[MfaSecret], frozen=True, kw_only=True):
    """Make the caller's own key for a method, unless it has one."""

    action: ClassVar[str] = "mfa-method:generate"
    kind: ClassVar[str] = "mfa-method"
    names: ClassVar[str | None] = "method_id"
    effect: ClassVar[Effect] = Effect.CHANGE
    secret_reply: ClassVar[bool] = True

    method_id: Id


class GenerateMfaSecret(Operation[MfaSecret], frozen=True, kw_only=True):
    """Make an entity's key for a method, unless it has one."""

    action: ClassVar[str] = "mfa-method:generate-for"
    kind: ClassVar[str] = "mfa-method"
    names: ClassVar[str | None] = "method_id"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("entity_id",)
    secret_reply: ClassVar[bool] = True

    method_id: Id
    entity_id: Id


class DestroyMfaSecret(Operation[Done], frozen=True, kw_only=True):
    """Destroy an entity's key for a method, so that it can get another."""

    action: ClassVar[str] = "mfa-method:destroy"
    kind: ClassVar[str] = "mfa-method"
    names: ClassVar[str | None] = "method_id"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("entity_id",)

    method_id: Id
    entity_id: Id


class WriteMfaEnforcement(Operation[MfaEnforcement], frozen=True, kw_only=True):
    """Say who must use a second factor, by one of ``method_ids``; what is None stays."""

    action: ClassVar[str] = "mfa-enforcement:write"
    kind: ClassVar[str] = "mfa-enforcement"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: Name
    method_ids: Ids = []
    accessors: Ids | None = None
    types: Ids | None = None
    group_ids: Ids | None = None
    entity_ids: Ids | None = None


class ShowMfaEnforcement(Operation[MfaEnforcement], frozen=True, kw_only=True):
    """Show who must use a second factor."""

    action: ClassVar[str] = "mfa-enforcement:show"
    kind: ClassVar[str] = "mfa-enforcement"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: Name


class ListMfaEnforcements(Operation[MfaEnforcements], frozen=True, kw_only=True):
    """List who must use a second factor."""

    action: ClassVar[str] = "mfa-enforcement:list"
    kind: ClassVar[str] = "mfa-enforcement"
    effect: ClassVar[Effect] = Effect.READ


class DeleteMfaEnforcement(Operation[Done], frozen=True, kw_only=True):
    """Demand no second factor any more."""

    action: ClassVar[str] = "mfa-enforcement:delete"
    kind: ClassVar[str] = "mfa-enforcement"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: Name


class ValidateMfa(Operation[IssuedToken], frozen=True, kw_only=True):
    """End a log-in that waits for a second factor: ``codes`` by a method's identifier or
    name. A log-in waits for five minutes."""

    action: ClassVar[str] = "mfa-method:validate"
    kind: ClassVar[str] = "mfa-method"
    effect: ClassVar[Effect] = Effect.CHANGE
    access: ClassVar[Access] = Access.ANYONE
    secret_reply: ClassVar[bool] = True

    request_id: Id
    codes: Annotated[dict[str, Ids], Meta(max_length=100)] = {}
