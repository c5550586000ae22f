"""What holds for all certificate roles of a log-in mount: revoked certificates, settings.

``mount`` is a mount's path below ``auth/``; empty: the usual one, ``cert``. A revocation list
belongs to a mount by its name, as a role does: ``ours``, or ``team/ours``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.operations.base import Done, Effect, Operation, Page, Reply
from keystead.operations.identity import MethodName

MountName = Annotated[str, Meta(max_length=512)]


class RevocationList(Reply, frozen=True):
    """Serial numbers (decimal) that an issuer has revoked. Times are Unix seconds."""

    name: str
    issuer: str
    serials: list[str]
    issued_at: float
    next_update_at: float | None = None


class RevocationListNames(Reply, frozen=True):
    names: list[str]
    next: str = ""


class WriteRevocationList(Operation[RevocationList], frozen=True, kw_only=True):
    """Refuse certificates that a CRL names (RFC 5280, section 5). ``crl``: PEM, or DER in
    Base64."""

    action: ClassVar[str] = "revocation-list:write"
    kind: ClassVar[str] = "revocation-list"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MethodName
    crl: Annotated[str, Meta(max_length=1 << 24)]


class ShowRevocationList(Operation[RevocationList], frozen=True, kw_only=True):
    """Show which certificates a revocation list names."""

    action: ClassVar[str] = "revocation-list:show"
    kind: ClassVar[str] = "revocation-list"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: MethodName


class ListRevocationLists(Page, Operation[RevocationListNames], frozen=True, kw_only=True):
    """List revocation lists: those of a log-in ``mount``, or all."""

    action: ClassVar[str] = "revocation-list:list"
    kind: ClassVar[str] = "revocation-list"
    effect: ClassVar[Effect] = Effect.READ

    mount: MountName | None = None


class DeleteRevocationList(Operation[Done], frozen=True, kw_only=True):
    """Forget a revocation list: what it names can log in again."""

    action: ClassVar[str] = "revocation-list:delete"
    kind: ClassVar[str] = "revocation-list"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: MethodName


class CertificateSettings(Reply, frozen=True):
    """``disable_binding``: a token is renewed without the certificate that it was issued for."""

    disable_binding: bool = False
    enable_identity_alias_metadata: bool = False


class WriteCertificateSettings(Operation[CertificateSettings], frozen=True, kw_only=True):
    """Say what holds for all certificate roles of a mount."""

    action: ClassVar[str] = "certificate-settings:write"
    kind: ClassVar[str] = "certificate-settings"
    names: ClassVar[str | None] = "mount"
    effect: ClassVar[Effect] = Effect.CHANGE

    mount: MountName = ""
    disable_binding: bool = False
    enable_identity_alias_metadata: bool = False


class ShowCertificateSettings(Operation[CertificateSettings], frozen=True, kw_only=True):
    """Show what holds for all certificate roles of a mount."""

    action: ClassVar[str] = "certificate-settings:show"
    kind: ClassVar[str] = "certificate-settings"
    names: ClassVar[str | None] = "mount"
    effect: ClassVar[Effect] = Effect.READ

    mount: MountName = ""
