"""The corridor: the one way from a door to a service.

    1 who?      credential → principal
    2 may they? policy decides, for the key as it is and for every encryption context
    3 intent    a change writes its intent to the audit log first
    4 do it     exactly one service function
    5 record    the audit entry is durable before the reply leaves
    6 measure   one metric sample and one span
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from keystead.audit.entry import Entry, encode
from keystead.audit.entry import Resource as AuditResource
from keystead.call import Call
from keystead.errors import (
    AskForRights,
    AuditUnavailable,
    DecryptionFailed,
    KeysteadError,
    KeyStateForbids,
    NotFound,
    Overloaded,
    PermissionDenied,
    Unauthenticated,
)
from keystead.identity.principal import ANONYMOUS, Principal
from keystead.operations import Access, Effect, Operation, Resource
from keystead.operations.keys import CreateKey, ImportKey, RotateKey
from keystead.policy.engine import DecisionContext, PolicyResource
from keystead.services import idempotency
from keystead.services.house import House
from keystead.services.keys import cache as key_cache
from keystead.services.keys.key import Key
from keystead.services.keys.messages import messages_needed, reserve
from keystead.services.keys.references import main_reference, source_references
from keystead.services.registry import BEFORE, HANDLERS, Handler
from keystead.services.scope import Scope

ReplyT = TypeVar("ReplyT")

LARGE_BODY_BYTES = 128 * 1024
MAX_QUEUED = 512

SERVER = Principal(name="keystead", namespace="root", root=True)
"""The server itself, for what its scheduler asks."""

_PRODUCES = frozenset(
    {
        "key:encrypt",
        "key:reencrypt",
        "key:generate-data-key",
        "key:generate-data-key-pair",
        "key:wrap",
    }
)
_MAKES_KEYS = (CreateKey, ImportKey)
_NO_CONTEXT: Mapping[str, str] = {}


Leader = Callable[[Operation[Any], Call], Awaitable[Any]]


class Shape:
    """What the gate knows of an operation type, worked out once."""

    __slots__ = ("action", "before", "effect", "handler", "has_context", "items", "keyed", "slow")

    def __init__(self, operation: type[Operation[Any]], handler: Handler) -> None:
        fields = operation.__struct_fields__
        self.action = operation.action
        self.effect = operation.effect
        self.handler = handler
        self.before = BEFORE.get(operation)
        self.has_context = "context" in fields and operation.kind == "key"
        self.items = "items" in fields
        self.keyed = operation.kind == "key" and operation.effect is Effect.USE
        self.slow = operation.action == "key:generate-data-key-pair"


class Visit:
    """One operation's way through the gate: what is known of it so far."""

    __slots__ = ("call", "namespace", "operation", "principal", "resource", "scope", "started_ns")

    def __init__(self, operation: Operation[Any], call: Call) -> None:
        self.operation = operation
        self.call = call
        self.started_ns = time.time_ns()
        self.principal = ANONYMOUS
        self.namespace = ""
        self.resource: PolicyResource | None = None
        self.scope: Scope | None = None


class Gate:
    """The only caller of services."""

    def __init__(self, house: House, leader: Leader | None = None) -> None:
        """``leader`` reaches the worker that runs the seal's ceremonies; None: this one."""
        self._house = house
        self._leader = leader
        self._queued = 0
        self._shapes = {op: Shape(op, handler) for op, handler in HANDLERS.items()}

    async def perform(self, operation: Operation[ReplyT], call: Call) -> ReplyT:
        """Carry out an operation for whoever the call's credential proves.

        Raises a KeysteadError; whatever else comes out is a defect.
        """
        if self._leader is not None and (
            operation.effect is Effect.CONTROL or operation.while_sealed
        ):
            return cast("ReplyT", await self._leader(operation, call))
        return await self._walk(Visit(operation, call), None)

    async def perform_as(self, principal: Principal, operation: Operation[ReplyT]) -> ReplyT:
        """Carry out an operation that the server asks of itself."""
        return await self._walk(Visit(operation, Call(door="internal")), principal)

    async def _walk(self, visit: Visit, principal: Principal | None) -> Any:
        started = time.perf_counter()
        shape = self._shapes[type(visit.operation)]
        outcome = "ok"
        try:
            reply = await self._carry_out(visit, shape, principal)
        except KeysteadError as error:
            outcome = "denied" if isinstance(error, AskForRights) else "failed"
            if not isinstance(error, AuditUnavailable):
                await self._record(visit, shape, outcome, error.code)
            raise
        except Exception:
            outcome = "failed"
            await self._record(visit, shape, outcome, "internal-error")
            raise
        finally:
            self._house.metrics.observe(shape.action, outcome, time.perf_counter() - started)
            if self._house.traces is not None:
                self._house.traces.record(visit.call, shape.action, outcome, visit.started_ns)
        return reply

    async def _carry_out(self, visit: Visit, shape: Shape, principal: Principal | None) -> Any:
        house, operation, call = self._house, visit.operation, visit.call
        if not operation.while_sealed:
            house.seal.require_unsealed()
            if house.feed.stale():
                await house.feed.catch_up()
            visit.namespace = house.namespaces.id_of(call.namespace)
        visit.principal = principal or await self._identify(visit)  # 1
        scope = await self._admit(visit, shape)  # 2
        if shape.effect is Effect.USE:
            reply = await self._use(visit, shape, scope)
        elif shape.effect is Effect.CHANGE:
            reply = await self._change(visit, shape, scope)
        elif shape.effect is Effect.READ:
            reply = await house.store.read(lambda reader: shape.handler(operation, scope, reader))
        else:
            if shape.effect is Effect.CONTROL:
                await self._record(visit, shape, phase="intent")  # 3
            reply = await shape.handler(operation, scope)  # 4
        await self._record(visit, shape, "ok")  # 5
        return reply

    # --- 1 who? -------------------------------------------------------------------------

    async def _identify(self, visit: Visit) -> Principal:
        if visit.operation.access is Access.ANYONE:
            return ANONYMOUS
        authenticator, call = self._house.authenticator, visit.call
        principal = authenticator.cached(call)
        if principal is None:
            principal = await self._house.store.read(
                lambda reader: authenticator.authenticate(call, reader)
            )
        if principal.uses_limited:
            await self._house.store.write(lambda tx: authenticator.spend_use(call, tx))
        return principal

    # --- 2 may they? --------------------------------------------------------------------

    async def _admit(self, visit: Visit, shape: Shape) -> Scope:
        """Resolve what the operation is about, ask policy, and make the scope.

        What is not there and what may not be known of look the same to who may not ask.
        """
        house, operation = self._house, visit.operation
        scope = visit.scope = Scope(
            house=house,
            call=visit.call,
            principal=visit.principal,
            namespace=visit.namespace,
            now=house.clock(),
            permits=lambda action, resource: self._permits(visit, action, resource, _NO_CONTEXT),
        )
        if operation.access is not Access.POLICY:
            visit.resource = self._plain(visit, operation.resource())
            return scope
        missing = ""
        if operation.kind == "key" and not isinstance(operation, _MAKES_KEYS):
            missing = await self._resolve(visit, scope)
        if visit.resource is None:
            visit.resource = self._plain(visit, operation.resource())
        for context in self._contexts(operation, shape):
            if not self._permits(visit, shape.action, visit.resource, context):
                raise PermissionDenied(
                    f"{visit.principal.name} may not {shape.action} {visit.resource.name}".rstrip()
                    + ".",
                    hint="Ask why: keystead policy why.",
                    action=shape.action,
                    resource=visit.resource.name,
                )
        if missing and shape.keyed:
            raise NotFound(f"There is no key {missing}.", key=missing)
        return scope

    async def _resolve(self, visit: Visit, scope: Scope) -> str:
        """Load the keys that the operation needs; return the main one's name if it is missing."""
        reference = main_reference(visit.operation)
        if not reference:
            return ""
        key = await self._key(visit.namespace, reference)
        if key is None:
            if not visit.operation.resource().name:
                raise DecryptionFailed
            return reference
        scope.target = key
        visit.resource = key.resource
        for source in source_references(visit.operation):
            found = await self._key(visit.namespace, source)
            if found is None:
                continue
            if not self._permits(visit, visit.operation.action, found.resource, _NO_CONTEXT):
                raise PermissionDenied(action=visit.operation.action, resource=found.record.name)
            scope.sources[source] = found
        return ""

    async def _key(self, namespace: str, reference: str) -> Key | None:
        keys, feed = self._house.keys, self._house.feed
        key = keys.find(namespace, reference)
        while key is None:
            generation = feed.generation
            key = await self._house.store.read(
                lambda reader: key_cache.load(reader, namespace, reference)
            )
            if key is None:
                return None
            if feed.stale():
                await feed.catch_up()
            if feed.generation != generation:
                key = None  # something changed while this was read: read it again
                continue
            keys.admit(reference, key)
        return key

    def _permits(
        self,
        visit: Visit,
        action: str,
        resource: Resource | PolicyResource,
        context: Mapping[str, str],
    ) -> bool:
        principal, call = visit.principal, visit.call
        if principal.root:
            return True
        if isinstance(resource, Resource):
            resource = self._plain(visit, resource)
        certificate = call.client_certificate
        decision = self._house.policies.decide(
            principal,
            action,
            resource,
            DecisionContext(
                source_ip=call.source_ip,
                now=visit.started_ns / 1e9,
                door=call.door,
                mfa=principal.mfa,
                encryption_context=context,
                certificate_sha256=hashlib.sha256(certificate).hexdigest() if certificate else "",
            ),
        )
        return decision.allowed

    def _plain(self, visit: Visit, resource: Resource) -> PolicyResource:
        return PolicyResource(
            kind=resource.kind,
            namespace=visit.namespace,
            name=resource.name,
            attributes={},
            tags={},
            cache_key=(resource.kind, visit.namespace, resource.name),
        )

    def _contexts(self, operation: Any, shape: Shape) -> Iterable[Mapping[str, str]]:
        """The distinct encryption contexts of an operation: policy is asked about each."""
        if shape.has_context:
            return (operation.context or _NO_CONTEXT,)
        if not shape.items:
            return (_NO_CONTEXT,)
        distinct = {
            tuple(sorted(context.items())): context
            for item in operation.items
            if (context := getattr(item, "context", None))
        }
        return distinct.values() or (_NO_CONTEXT,)

    # --- 3 and 4 ------------------------------------------------------------------------

    async def _use(self, visit: Visit, shape: Shape, scope: Scope) -> Any:
        key = scope.target
        slow = shape.slow or visit.call.size > LARGE_BODY_BYTES
        if key is not None:
            slow = slow or key.spec.slow
            if key.spec.message_limit is not None and shape.action in _PRODUCES:
                await self._reserve_messages(visit, scope)
        if slow:
            reply = await self._in_pool(shape.handler, visit.operation, scope)
        else:
            reply = shape.handler(visit.operation, scope)
        if key is not None and scope.key_version is not None:
            self._house.usage.count(
                visit.namespace,
                key.id,
                scope.key_version,
                visit.principal.name,
                shape.action,
                scope.uses,
                scope.now,
            )
        return reply

    async def _in_pool(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self._queued >= MAX_QUEUED:
            raise Overloaded("Too many slow operations are waiting.", queued=self._queued)
        self._queued += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._house.pool, function, *arguments)
        finally:
            self._queued -= 1

    async def _reserve_messages(self, visit: Visit, scope: Scope) -> None:
        """Reserve messages of the primary version; rotate the key when they are used up."""
        count = len(getattr(visit.operation, "items", ())) or 1
        for _ in range(2):
            key: Key = scope.target
            version = key.versions.get(key.primary)
            if version is None or not (needed := messages_needed(version, count)):
                return
            granted = await self._house.store.write(
                lambda tx, key=key, version=version, needed=needed: reserve(
                    tx, key, version, needed
                )
            )
            if granted:
                assert version.allowance is not None
                version.allowance += needed
                return
            await self.perform_as(SERVER, RotateKey(key=key.id))
            scope.target = await self._key(visit.namespace, key.id) or key
        raise KeyStateForbids("This key has reached its message limit and could not be rotated.")

    async def _change(self, visit: Visit, shape: Shape, scope: Scope) -> Any:
        """Intent, slow preparation, one transaction; then every cache of this worker knows."""
        house, operation, call = self._house, visit.operation, visit.call
        await self._record(visit, shape, phase="intent")  # 3
        if shape.before is not None:
            before = shape.before
            scope.prepared = await self._in_pool(
                house.store.read_now, lambda reader: before(operation, scope, reader)
            )
        work = shape.handler
        if call.idempotency_key:
            work = idempotency.once(work)
        reply = await house.store.write(  # 4
            lambda tx: work(operation, scope, tx), request_id=call.request_id
        )
        await house.feed.catch_up()
        return reply

    # --- 5 record -----------------------------------------------------------------------

    async def _record(
        self, visit: Visit, shape: Shape, outcome: Any = "", reason: str = "", *, phase: Any = ""
    ) -> None:
        """Write entries, one for each distinct encryption context, and wait till they are durable."""
        operation, call, principal, scope = (
            visit.operation,
            visit.call,
            visit.principal,
            visit.scope,
        )
        resource = visit.resource
        details: dict[str, str | int | bool] = {}
        for name in operation.audited:
            value = getattr(operation, name)
            if value is not None and value != "":
                details[name] = value
        if scope is not None:
            details |= scope.details
        if resource is None:
            named = operation.resource()
            audited = AuditResource(named.kind, "", named.name)
        else:
            audited = AuditResource(
                resource.kind, str(resource.attributes.get("id", "")), resource.name
            )
        changing = shape.effect in (Effect.CHANGE, Effect.CONTROL)
        essential = changing and operation.kind == "system"
        durable = None
        for context in self._contexts(operation, shape):
            entry = Entry(
                action=shape.action,
                context=context,  # type: ignore[arg-type]
                details=details,
                door=call.door,
                key_version=(scope.key_version or 0) if scope is not None else 0,
                namespace=visit.namespace,
                node=self._house.node,
                outcome=outcome,
                phase=phase or ("outcome" if changing else "event"),
                principal=principal.name,
                reason=reason,
                request_id=call.request_id,
                resource=audited,
                root=principal.root and principal is not SERVER,
                source_ip=call.source_ip,
                time=time.time_ns(),
                token_accessor=principal.accessor,
                trace_id=call.trace_id,
            )
            durable = self._house.audit.append(encode(entry), essential=essential)
        if durable is not None:
            await durable
