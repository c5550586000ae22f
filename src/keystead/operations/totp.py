"""One-time passwords: codes for accounts elsewhere, and checks of codes of people here."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.operations.base import Done, Effect, Operation, Page, Reply

TotpName = Annotated[str, Meta(min_length=1, max_length=1024)]
"""Where the key is: ``<mount>/<name>``."""
Text = Annotated[str, Meta(max_length=4096)]
Number = Annotated[int, Meta(ge=0, le=2**31)]


class TotpKeyView(Reply, frozen=True, omit_defaults=False):
    """A key as callers see it; never the key itself. ``period`` is in seconds."""

    account_name: str
    algorithm: str
    digits: int
    issuer: str
    period: int


class WrittenTotpKey(Reply, frozen=True, omit_defaults=False):
    """The key as a URL and as a QR code (PNG in Base64), if it is one to be handed on."""

    url: str = ""
    barcode: str = ""


class TotpKeyNames(Reply, frozen=True, omit_defaults=False):
    names: list[str]
    next: str


class TotpCode(Reply, frozen=True, omit_defaults=False):
    """A code, when it was made and when it ends (Unix seconds), and the period in seconds."""

    code: str
    made_at: int
    expires_at: int
    period: int


class TotpVerdict(Reply, frozen=True, omit_defaults=False):
    valid: bool


class WriteTotpKey(Operation[WrittenTotpKey], frozen=True, kw_only=True):
    """Make a key here (``generate``), or take one that another issuer made, from its ``url``
    or as ``key`` (Base32) with its settings."""

    action: ClassVar[str] = "totp-key:write"
    kind: ClassVar[str] = "totp-key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE
    audited: ClassVar[tuple[str, ...]] = ("generate", "exported")
    secret_reply: ClassVar[bool] = True

    name: TotpName
    generate: bool = False
    exported: bool = True
    key_size: Number = 20
    url: Text = ""
    key: Text = ""
    issuer: Text = ""
    account_name: Text = ""
    period: Number = 30
    algorithm: Text = "SHA1"
    digits: Number = 6
    skew: Number = 1
    qr_size: Number = 200


class ShowTotpKey(Operation[TotpKeyView], frozen=True, kw_only=True):
    """Show what codes of a key are like."""

    action: ClassVar[str] = "totp-key:show"
    kind: ClassVar[str] = "totp-key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: TotpName


class ListTotpKeys(Page, Operation[TotpKeyNames], frozen=True, kw_only=True):
    """List the keys of a mount by their names there."""

    action: ClassVar[str] = "totp-key:list"
    kind: ClassVar[str] = "totp-key"
    names: ClassVar[str | None] = "mount"
    effect: ClassVar[Effect] = Effect.READ

    mount: TotpName


class DeleteTotpKey(Operation[Done], frozen=True, kw_only=True):
    """Delete a key, if it is there."""

    action: ClassVar[str] = "totp-key:delete"
    kind: ClassVar[str] = "totp-key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: TotpName


class GenerateTotpCode(Operation[TotpCode], frozen=True, kw_only=True):
    """Make the code of now."""

    action: ClassVar[str] = "totp-key:generate"
    kind: ClassVar[str] = "totp-key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ
    secret_reply: ClassVar[bool] = True

    name: TotpName


class VerifyTotpCode(Operation[TotpVerdict], frozen=True, kw_only=True):
    """Check a code. Each is good once."""

    action: ClassVar[str] = "totp-key:verify"
    kind: ClassVar[str] = "totp-key"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: TotpName
    code: Text
