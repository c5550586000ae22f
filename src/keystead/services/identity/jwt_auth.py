"""Whom a mount trusts to sign tokens, what its roles demand of them, and the log-in."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from keystead.discreet import Discreet
from keystead.errors import InvalidRequest, NotFound, UpstreamUnavailable, VerificationFailed
from keystead.identity import jwt_claims
from keystead.identity.jwt import Claims, Key, parse_header, verify
from keystead.identity.jwt_issuers import keys_for, require_answer, require_consistent
from keystead.identity.records import JWT_ROLE, JwtRoleRecord
from keystead.operations import Done
from keystead.operations.identity import IssuedToken
from keystead.operations.jwt_auth import (
    DeleteJwtRole,
    JwtDemands,
    JwtIssuer,
    JwtIssuerView,
    JwtRoleNames,
    JwtRoleView,
    ListJwtRoles,
    LoginJwt,
    ShowJwtIssuer,
    ShowJwtRole,
    WriteJwtIssuer,
    WriteJwtRole,
)
from keystead.operations.mounts import MountView
from keystead.services.identity.entities_login import LoginAlias
from keystead.services.identity.issuing import issue_login, kept, shown
from keystead.services.identity.mounted_roles import MountedRoles, new_incarnation
from keystead.services.mounts import keep_under_mounts, on_move, on_unmount
from keystead.services.registry import asks, before, changes, reads
from keystead.services.scope import Scope
from keystead.store.kinds import Kind
from keystead.store.transaction import Reader, Transaction


class JwtIssuerRecord(Discreet, frozen=True):
    """Whom a mount trusts; the record id is the mount's uuid and ``/issuer``."""

    issuer: JwtIssuer


JWT_ISSUER = Kind("jwt-issuer", JwtIssuerRecord)
ROLES = MountedRoles(JWT_ROLE, "jwt", ("jwt", "oidc"))

keep_under_mounts(JWT_ISSUER)
for _type in ROLES.types:
    on_unmount(_type)(ROLES.unmount)
    on_move(_type)(ROLES.move)


class Trust(NamedTuple):
    """Where a log-in happens: the mount, whom it trusts, and the role."""

    mount: MountView
    issuer: JwtIssuer
    name: str
    role: JwtRoleRecord


class Proof(NamedTuple):
    """Who has proved what, to log in as which role."""

    trust: Trust
    user: str
    groups: list[str]
    metadata: dict[str, str]


# --- whom a mount trusts ----------------------------------------------------------------


@asks(WriteJwtIssuer)
async def check_issuer(operation: WriteJwtIssuer, scope: Scope) -> JwtIssuer:
    """What is to be written, when whoever it names has answered."""
    present = await scope.house.store.read(
        lambda reader: find_issuer(reader, scope, ROLES.mount(reader, scope, operation.mount))
    )
    issuer = operation.issuer
    if present and issuer.oidc_client_id and not issuer.oidc_client_secret:
        issuer = msgspec.structs.replace(issuer, oidc_client_secret=present.oidc_client_secret)
    require_consistent(issuer)
    await require_answer(issuer)
    return issuer


@changes(WriteJwtIssuer)
def write_issuer(operation: WriteJwtIssuer, scope: Scope, tx: Transaction) -> JwtIssuerView:
    mount = ROLES.mount(tx, scope, operation.mount)
    scope.narrow("update" if find_issuer(tx, scope, mount) else "create")
    ROLES.require_grant(tx, scope, mount)
    tx.put(JWT_ISSUER, scope.namespace, f"{mount.uuid}/issuer", JwtIssuerRecord(scope.prepared))
    return _issuer_view(scope.prepared)


@reads(ShowJwtIssuer)
def show_issuer(operation: ShowJwtIssuer, scope: Scope, reader: Reader) -> JwtIssuerView:
    issuer = find_issuer(reader, scope, ROLES.mount(reader, scope, operation.mount))
    if issuer is None:
        raise NotFound("", mount=operation.mount)
    return _issuer_view(issuer)


def find_issuer(reader: Reader, scope: Scope, mount: MountView) -> JwtIssuer | None:
    """Whom a mount trusts, if that is said."""
    record = reader.get(JWT_ISSUER, scope.namespace, f"{mount.uuid}/issuer")
    return record.issuer if record else None


# --- roles ------------------------------------------------------------------------------


@changes(WriteJwtRole)
def write_role(operation: WriteJwtRole, scope: Scope, tx: Transaction) -> JwtRoleView:
    """Its tokens have its new roles at once; their lifetimes are what they were."""
    name = ROLES.normal(operation.name)
    mount = ROLES.mount_of(tx, scope, operation.name)
    _require_sensible(operation.demands)
    present = tx.get(JWT_ROLE, scope.namespace, name)
    record = JwtRoleRecord(
        incarnation=present.incarnation if present else new_incarnation(),
        mount=mount.uuid,
        demands=operation.demands,
        roles=operation.roles,
        limits=kept(operation.limits),
    )
    ROLES.put(tx, scope, name, record)
    return _view(name, record)


@reads(ShowJwtRole)
def show_role(operation: ShowJwtRole, scope: Scope, reader: Reader) -> JwtRoleView:
    name = ROLES.normal(operation.name)
    return _view(name, ROLES.find(reader, scope, name))


@reads(ListJwtRoles)
def list_roles(operation: ListJwtRoles, scope: Scope, reader: Reader) -> JwtRoleNames:
    mount = ROLES.mount(reader, scope, operation.mount)
    names = [name.rpartition("/")[2] for name, _ in ROLES.of(reader, scope.namespace, mount)]
    return JwtRoleNames(names=names)


@changes(DeleteJwtRole)
def delete_role(operation: DeleteJwtRole, scope: Scope, tx: Transaction) -> Done:
    ROLES.delete(tx, scope.namespace, ROLES.normal(operation.name))
    return Done()


def _require_sensible(demands: JwtDemands) -> None:
    """Raises InvalidRequest for a role that nothing could fit, or anything."""
    if demands.role_type not in ("jwt", "oidc"):
        raise InvalidRequest(f"invalid 'role_type': {demands.role_type}", field="role_type")
    if demands.bound_claims_type not in ("string", "glob"):
        raise InvalidRequest(f"invalid 'bound_claims_type': {demands.bound_claims_type}")
    if not demands.user_claim:
        raise InvalidRequest("a user claim must be defined on the role", field="user_claim")
    targets = list(demands.claim_mappings.values())
    for target in targets:
        if targets.count(target) > 1:
            raise InvalidRequest(f'multiple keys are mapped to metadata key "{target}"')
    for wanted in demands.bound_claims.values():
        for value in wanted if isinstance(wanted, list) else [wanted]:
            if not isinstance(value, str | int | float) or (
                demands.bound_claims_type == "glob" and not isinstance(value, str)
            ):
                raise InvalidRequest(f"claim is not a string: {value}", field="bound_claims")
    if demands.role_type == "oidc":
        if not demands.allowed_redirect_uris:
            raise InvalidRequest(
                "'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified."
            )
    elif not (demands.bound_audiences or demands.bound_subject or demands.bound_claims):
        raise InvalidRequest(
            "must have at least one bound constraint when creating/updating a role"
        )


# --- log-in -----------------------------------------------------------------------------


class _Candidate(NamedTuple):
    trust: Trust
    keys: list[Key]


@asks(LoginJwt)
async def find_keys(operation: LoginJwt, scope: Scope) -> _Candidate:
    """The role, and the keys that the token may be signed with."""
    if not operation.jwt:
        raise InvalidRequest("missing token")
    trust = await scope.house.store.read(
        lambda reader: find_trust(reader, scope, operation.mount, operation.role)
    )
    if trust.role.demands.role_type == "oidc":
        raise InvalidRequest("role with oidc role_type is not allowed")
    try:
        header = parse_header(operation.jwt)
        return _Candidate(trust, await keys_for(trust.issuer, header, scope.house.issuers))
    except VerificationFailed as error:
        raise _signature_fails(error.message) from None
    except UpstreamUnavailable as error:
        raise _signature_fails(error.message) from None


@before(LoginJwt)
def check_token(operation: LoginJwt, scope: Scope, reader: Reader) -> Proof:
    """Who is logging in, as proved by the token."""
    trust, keys = scope.prepared
    try:
        claims = verify(operation.jwt, keys, trust.issuer.jwt_supported_algs)
    except VerificationFailed as error:
        raise _signature_fails(error.message) from None
    demands = trust.role.demands
    jwt_claims.require_registered(
        claims,
        scope.now,
        issuer=trust.issuer.bound_issuer or trust.issuer.oidc_discovery_url,
        subject=demands.bound_subject,
        audiences=demands.bound_audiences,
        expiration_leeway=demands.expiration_leeway,
        not_before_leeway=demands.not_before_leeway,
        clock_skew_leeway=demands.clock_skew_leeway,
    )
    if not demands.bound_audiences and jwt_claims.audiences_of(claims):
        raise InvalidRequest("audience claim found in JWT but no audiences bound to the role")
    return prove(trust, claims)


@changes(LoginJwt)
def login(operation: LoginJwt, scope: Scope, tx: Transaction) -> IssuedToken:
    return issue(scope, tx, scope.prepared)


def find_trust(reader: Reader, scope: Scope, mount_path: str, role_name: str) -> Trust:
    """What decides about a log-in; raises InvalidRequest for what is not there."""
    mount = ROLES.mount(reader, scope, mount_path)
    issuer = find_issuer(reader, scope, mount)
    if issuer is None:
        raise InvalidRequest("could not load configuration")
    wanted = role_name or issuer.default_role
    if not wanted:
        raise InvalidRequest("missing role")
    name = ROLES.name(mount_path, wanted)
    role = reader.get(JWT_ROLE, scope.namespace, name) if "/" not in wanted else None
    if role is None:
        raise InvalidRequest(f'role "{wanted}" could not be found')
    return Trust(mount, issuer, name, role)


def prove(trust: Trust, claims: Claims) -> Proof:
    """Hold verified claims against what the role demands; raises InvalidRequest."""
    demands = trust.role.demands
    user = jwt_claims.user_of(claims, demands.user_claim, pointer=demands.user_claim_json_pointer)
    metadata = jwt_claims.metadata_of(claims, demands.claim_mappings)
    groups = jwt_claims.groups_of(claims, demands.groups_claim)
    jwt_claims.require_bound(
        claims, demands.bound_claims, globs=demands.bound_claims_type == "glob"
    )
    metadata["role"] = trust.name.rpartition("/")[2]
    return Proof(trust, user, groups, metadata)


def issue(scope: Scope, tx: Transaction, proof: Proof) -> IssuedToken:
    """A token for who has proved itself, unless the role changed meanwhile."""
    name, checked = proof.trust.name, proof.trust.role
    role = tx.get(JWT_ROLE, scope.namespace, name)
    if role is None or (role.incarnation, role.demands) != (checked.incarnation, checked.demands):
        raise InvalidRequest("the role was changed meanwhile")
    scope.details["user"] = proof.user
    return issue_login(
        scope,
        tx,
        ROLES.principal(name),
        role,
        display_name=ROLES.display_name(proof.trust.mount, proof.user),
        metadata=proof.metadata,
        alias=LoginAlias(proof.trust.mount, proof.user, proof.metadata, proof.groups),
    )


def _signature_fails(reason: str) -> InvalidRequest:
    return InvalidRequest(f"error validating token: error verifying token signature: {reason}")


def _issuer_view(issuer: JwtIssuer) -> JwtIssuerView:
    return msgspec.convert(issuer, JwtIssuerView, from_attributes=True)


def _view(name: str, record: JwtRoleRecord) -> JwtRoleView:
    return JwtRoleView(
        name=name, roles=record.roles, demands=record.demands, limits=shown(record.limits)
    )
