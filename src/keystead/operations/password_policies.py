"""Password policies: how passwords that the server makes are made."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from keystead.operations.base import Done, Effect, Operation, Page, Reply

PasswordPolicyName = Annotated[
    str, Meta(pattern=r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,254}[^\s\x00-\x1f\x7f])?$")
]


class PasswordPolicyView(Reply, frozen=True):
    """A password policy as written."""

    name: str
    text: str


class PasswordPolicyNames(Reply, frozen=True):
    names: list[str]
    next: str = ""


class GeneratedPassword(Reply, frozen=True):
    """A new password; the server does not keep it."""

    password: str


class WritePasswordPolicy(Operation[PasswordPolicyView], frozen=True, kw_only=True):
    """Create or replace a password policy, in HCL or JSON: ``length``, and ``charset`` rules
    with their characters and how many of them there must be (``min-chars``)."""

    action: ClassVar[str] = "password-policy:write"
    kind: ClassVar[str] = "password-policy"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: PasswordPolicyName
    text: Annotated[str, Meta(min_length=1, max_length=65_536)]


class ShowPasswordPolicy(Operation[PasswordPolicyView], frozen=True, kw_only=True):
    """Show a password policy as it was written."""

    action: ClassVar[str] = "password-policy:show"
    kind: ClassVar[str] = "password-policy"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ

    name: PasswordPolicyName


class ListPasswordPolicies(Page, Operation[PasswordPolicyNames], frozen=True, kw_only=True):
    """List password policies."""

    action: ClassVar[str] = "password-policy:list"
    kind: ClassVar[str] = "password-policy"
    effect: ClassVar[Effect] = Effect.READ


class DeletePasswordPolicy(Operation[Done], frozen=True, kw_only=True):
    """Delete a password policy."""

    action: ClassVar[str] = "password-policy:delete"
    kind: ClassVar[str] = "password-policy"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.CHANGE

    name: PasswordPolicyName


class GeneratePassword(Operation[GeneratedPassword], frozen=True, kw_only=True):
    """Make a password by a policy."""

    action: ClassVar[str] = "password-policy:generate"
    kind: ClassVar[str] = "password-policy"
    names: ClassVar[str | None] = "name"
    effect: ClassVar[Effect] = Effect.READ
    secret_reply: ClassVar[bool] = True

    name: PasswordPolicyName
