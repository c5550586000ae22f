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
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from keystead.audit import entry as audit
from keystead.call import Call
from keystead.errors import (
    AskForRights,
    AuditUnavailable,
    DecryptionFailed,
    KeyStateForbids,
    KeysteadError,
    NotFound,
    Overloaded,
    PermissionDenied,
    StoreUnavailable,
)
from keystead.identity.principal import ANONYMOUS, Principal
from keystead.operations import Operation, Resource
from keystead.operations.keys import RotateKey
from keystead.policy.engine import Decision, DecisionContext, PolicyResource
from keystead.policy.paths.verdict import PathVerdict
from keystead.services import idempotency
from keystead.services.house import House
from keystead.services.keys import cache as key_cache
from keystead.services.keys.key import Key
from keystead.services.keys.messages import messages_needed, messages_of, reserve
from keystead.services.keys.references import main_reference, source_uses
from keystead.services.registry import HANDLERS
from keystead.services.scope import Scope
from keystead.services.shapes import NO_CONTEXT, Shape

ReplyT = TypeVar("ReplyT")

LARGE_BODY_BYTES = 128 * 1024
MAX_QUEUED = 512

SERVER = Principal(name="keystead", namespace="root", root=True)
"""The server itself, for what its scheduler asks."""

Leader = Callable[[Operation[Any], Call], Awaitable[Any]]


class Gate:
    """The only caller of services."""

    def __init__(self, house: House, leader: Leader | None = None) -> None:
        """``leader`` reaches the worker that runs the seal's ceremonies; None: this one."""
        self._house = house
        self._leader = leader
        self._queued = 0
        self._reserving: WeakValueDictionary[tuple[str, str], asyncio.Lock]
        self._reserving = WeakValueDictionary()
        self._shapes = {op: Shape(op, handler) for op, handler in HANDLERS.items()}

    def perform(self, operation: Operation[ReplyT], call: Call) -> Awaitable[ReplyT]:
        """Carry out an operation for whoever the call's credential proves.

        Raises a KeysteadError when awaited; whatever else comes out is a defect.
        """
        if self._leader is not None and self._shapes[type(operation)].led:
            return self._leader(operation, call)
        return self._walk(operation, call, ANONYMOUS)

    def perform_as(
        self, principal: Principal, operation: Operation[ReplyT], namespace: str = ""
    ) -> Awaitable[ReplyT]:
        """Carry out an operation that the server asks of itself, in the namespace so called."""
        return self._walk(operation, Call(door="internal", namespace=namespace), principal)

    async def _walk(self, operation: Operation[Any], call: Call, principal: Principal) -> Any:
        house = self._house
        started = time.perf_counter()
        shape = self._shapes[type(operation)]
        scope = Scope(house, call, principal, "", house.clock(), self._permits, self._narrow)
        outcome: audit.Outcome = "ok"
        try:
            reply = await self._carry_out(operation, shape, scope)
        except KeysteadError as error:
            outcome = "denied" if isinstance(error, AskForRights) else "failed"
            in_doubt = scope.committing and isinstance(error, StoreUnavailable)
            # Recovery will close an intent in doubt with what the store says of it.
            if not in_doubt and not isinstance(error, AuditUnavailable):
                await self._record(operation, shape, scope, outcome, error.code)
            raise
        except Exception:
            outcome = "failed"
            await self._record(operation, shape, scope, outcome, "internal-error")
            raise
        finally:
            house.metrics.observe(shape.action, outcome, time.perf_counter() - started)
            if house.traces is not None:
                house.traces.record(call, shape.action, outcome, int(scope.now * 1e9))
        return reply

    async def _carry_out(self, operation: Operation[Any], shape: Shape, scope: Scope) -> Any:
        house = self._house
        if shape.needs_unsealed:
            if house.seal.sealed:
                await house.seal.look()  # another worker may have initialized the server
            house.seal.require_unsealed()
            if house.feed.stale():
                await self._catch_up(shape)
            house.quotas.admit(scope.call)
        if shape.needs_principal and scope.principal is ANONYMOUS:
            principal = house.authenticator.cached(scope.call)  # 1
            scope.principal = principal or await self._authenticate(scope)
        if shape.needs_unsealed:
            scope.namespace = house.namespaces.id_of(scope.call.namespace)
        await self._admit(operation, shape, scope)  # 2
        if shape.is_use:
            reply = await self._use(operation, shape, scope)  # 4
        elif shape.is_change:
            reply = await self._change(operation, shape, scope)  # 3, 4
        elif shape.is_read:
            reply = None if shape.at_hand is None else shape.at_hand(operation, scope)
            if reply is None:
                handler = shape.handler
                reply = await house.store.read(lambda reader: handler(operation, scope, reader))
        else:
            if shape.changing:
                await self._record(operation, shape, scope, phase="intent")  # 3
            reply = await shape.handler(operation, scope)  # 4
        await self._record(operation, shape, scope, "ok")  # 5
        return reply

    async def _catch_up(self, shape: Shape) -> None:
        """Hear of every change. Keys at hand are used without, each for its own grace."""
        try:
            await self._house.feed.catch_up()
        except StoreUnavailable:
            if not shape.is_use:
                raise

    # --- 1 who? -------------------------------------------------------------------------

    async def _authenticate(self, scope: Scope) -> Principal:
        """Know a caller that is not at hand, and spend one use of a token that has few."""
        authenticator, call, store = self._house.authenticator, scope.call, self._house.store
        principal = await store.read(lambda reader: authenticator.authenticate(call, reader))
        if principal.uses_limited:
            await store.write(lambda tx: authenticator.spend_use(call, tx))
        return principal

    # --- 2 may they? --------------------------------------------------------------------

    async def _admit(self, operation: Any, shape: Shape, scope: Scope) -> None:
        """Resolve what the operation is about, and ask policy.

        What is not there and what may not be known of look the same to who may not ask.
        """
        if not shape.needs_policy:
            scope.resource = self._plain(scope, operation.resource())
            if shape.needs_principal and self._ask_paths(scope) is PathVerdict.DENIED:
                raise _denied(scope, shape.action, scope.resource.name)
            return
        if shape.makes_key:
            scope.resource = key_cache.describe_wanted(operation, scope.namespace)
        missing = ""
        if shape.names_key and (reference := main_reference(operation)):
            key = self._house.keys.find(scope.namespace, reference)
            if key is None:
                key = await self._load_key(scope.namespace, reference)
            if key is None:
                if not operation.resource().name:
                    raise DecryptionFailed
                missing = reference
            else:
                scope.target = key
                scope.resource = key.resource
        if scope.resource is None:
            scope.resource = self._plain(scope, operation.resource())
        scope.contexts = shape.contexts(operation)
        for context in scope.contexts:
            if not self._judge(scope, shape.action, scope.resource, context):
                raise _denied(scope, shape.action, scope.resource.name)
        if missing and shape.is_use:
            raise NotFound(f"There is no key {missing}.", key=missing)
        if shape.has_sources:
            await self._admit_sources(operation, shape, scope)

    async def _admit_sources(self, operation: Any, shape: Shape, scope: Scope) -> None:
        """The keys whose ciphertexts are re-encrypted are used too: policy is asked of each."""
        sources: dict[str, Key] = {}
        for (reference, _), context in source_uses(operation).items():
            key = self._house.keys.find(scope.namespace, reference)
            key = key or await self._load_key(scope.namespace, reference)
            if key is None:
                continue
            if not self._judge(scope, shape.action, key.resource, context):
                raise _denied(scope, shape.action, key.record.name)
            sources[reference] = key
        scope.sources = sources

    async def _load_key(self, namespace: str, reference: str) -> Key | None:
        """Load a key that is not at hand, and keep it unless it changed meanwhile."""
        feed = self._house.feed
        while True:
            generation = feed.generation
            key = await self._house.store.read(
                lambda reader: key_cache.load(reader, namespace, reference)
            )
            if feed.stale():
                await feed.catch_up()
            if feed.generation == generation:
                break
        if key is not None:
            self._house.keys.admit(reference, key)
        return key

    def _judge(
        self,
        scope: Scope,
        action: str,
        resource: PolicyResource,
        context: Mapping[str, str] = NO_CONTEXT,
    ) -> bool:
        """One forbid or deny decides; else it takes one permit, of a statement or of a path."""
        if scope.principal.root:
            return True
        on_path = self._ask_paths(scope)
        if on_path is PathVerdict.DENIED:
            return False
        decision = self._decide(scope, action, resource, context)
        if not decision.allowed and decision.silent and on_path is PathVerdict.ALLOWED:
            scope.by_path = True
            return True
        return decision.allowed

    def _decide(
        self, scope: Scope, action: str, resource: PolicyResource, context: Mapping[str, str]
    ) -> Decision:
        principal, call, policies = scope.principal, scope.call, self._house.policies
        decision = policies.at_hand(principal, action, resource)
        if decision is not None:
            return decision
        certificate = call.client_certificate
        asked = DecisionContext(
            source_ip=call.source_ip,
            now=scope.now,
            door=call.door,
            mfa=principal.mfa,
            encryption_context=context,
            certificate_sha256=hashlib.sha256(certificate).hexdigest() if certificate else "",
        )
        return policies.decide(principal, action, resource, asked)

    def _ask_paths(self, scope: Scope, **instead: Any) -> PathVerdict:
        request, principal = scope.call.path, scope.principal
        if request is None or principal.root:
            return PathVerdict.SILENT
        if instead:
            request = replace(request, **instead)
        return self._house.paths.decide(principal, scope.namespace, request)

    def _permits(self, scope: Scope, action: str, resource: Resource | PolicyResource) -> bool:
        """Whether the caller may do something besides what it asked for.

        The right to a path is none to anything else, unless the path is one where rights are
        handed out, or the caller has sudo on it.
        """
        if scope.principal.root:
            return True
        if isinstance(resource, Resource):
            resource = self._plain(scope, resource)
        decision = self._decide(scope, action, resource, NO_CONTEXT)
        if not decision.silent or scope.call.path is None:
            return decision.allowed
        grants = scope.call.path.grants
        granted = grants if isinstance(grants, bool) else action in grants
        return self._ask_paths(scope, sudo=not granted) is PathVerdict.ALLOWED

    def _narrow(self, scope: Scope, capability: str) -> None:
        if not scope.by_path:
            return
        if self._ask_paths(scope, capability=capability) is not PathVerdict.ALLOWED:
            raise PermissionDenied

    def _plain(self, scope: Scope, resource: Resource) -> PolicyResource:
        return PolicyResource(
            kind=resource.kind,
            namespace=scope.namespace,
            name=resource.name,
            attributes={},
            tags={},
            cache_key=(resource.kind, scope.namespace, resource.name),
        )

    # --- 3 and 4 ------------------------------------------------------------------------

    async def _use(self, operation: Any, shape: Shape, scope: Scope) -> Any:
        key: Key | None = scope.target
        if key is not None and self._house.feed.unreachable_since is not None:
            for used in (key, *scope.sources.values()):
                self._house.feed.require_heard_within(used.record.grace_seconds)
        slow = shape.slow or scope.call.size > LARGE_BODY_BYTES
        if key is not None:
            slow = slow or key.spec.slow
            if shape.produces and key.spec.message_limit is not None:
                spent = messages_of(operation, key, many=shape.has_items)
                for number, count in spent.items():
                    if messages_needed(key, number, count):
                        key = await self._reserve_messages(scope, key, number, count)
                        spent = messages_of(operation, key, many=shape.has_items)
                scope.target = key.with_own_messages(spent) if slow else key
        if slow:
            reply = await self._in_pool(shape.handler, operation, scope)
        else:
            reply = shape.handler(operation, scope)
        if key is not None:
            self._count_uses(reply, key, shape, scope)
        return reply

    def _count_uses(self, reply: Any, key: Key, shape: Shape, scope: Scope) -> None:
        used: Mapping[int, int]
        if shape.has_items:
            used = Counter(
                outcome.value.version for outcome in reply.results if outcome.value is not None
            )
        elif scope.key_version is not None:
            used = {scope.key_version: 1}
        else:
            return
        count, principal = self._house.usage.count, scope.principal.name
        for version, uses in used.items():
            count(scope.namespace, key.id, version, principal, shape.action, uses, scope.now)

    async def _in_pool(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self._queued >= MAX_QUEUED:
            raise Overloaded("Too many slow operations are waiting.", queued=self._queued)
        self._queued += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._house.pool, function, *arguments)
        finally:
            self._queued -= 1

    async def _reserve_messages(self, scope: Scope, key: Key, number: int, count: int) -> Key:
        """Reserve messages of a version; rotate the key when those of the primary are used up.

        One request at a time for each key: those that waited find what the first reserved.
        """
        primary = number == key.primary
        lock = self._reserving.setdefault((scope.namespace, key.id), asyncio.Lock())
        async with lock:
            for _ in range(2):
                at_hand = self._house.keys.find(scope.namespace, key.id)
                key = at_hand or await self._load_key(scope.namespace, key.id) or key
                if primary:
                    number = key.primary
                needed = messages_needed(key, number, count)
                if not needed:
                    return key
                reserving = partial(reserve, key=key, number=number, count=needed)
                if await self._house.store.write(reserving):
                    key.versions[number].grant(needed)
                    return key
                if not primary:
                    break
                await self.perform_as(SERVER, RotateKey(key=key.id), scope.call.namespace)
        raise KeyStateForbids("This key has reached its message limit and could not be rotated.")

    async def _change(self, operation: Operation[Any], shape: Shape, scope: Scope) -> Any:
        """Intent, slow preparation, one transaction; then every cache of this worker knows."""
        house, call = self._house, scope.call
        await self._record(operation, shape, scope, phase="intent")  # 3
        # Without a principal (log-ins) there is nobody whom the key could belong to.
        repeatable = bool(call.idempotency_key) and shape.needs_principal
        if repeatable:
            answered = partial(idempotency.answered, operation, scope)
            if (reply := await house.store.read(answered)) is not None:
                return reply
        if shape.asks is not None:
            scope.prepared = await shape.asks(operation, scope)
        if shape.before is not None:
            before = shape.before
            scope.prepared = await self._in_pool(
                house.store.read_now, lambda reader: before(operation, scope, reader)
            )
        scope.committing = True
        work = idempotency.once(shape.handler) if repeatable else shape.handler
        reply = await house.store.write(  # 4
            lambda tx: work(operation, scope, tx), request_id=call.request_id
        )
        await house.feed.catch_up()
        return reply

    # --- 5 record -----------------------------------------------------------------------

    async def _record(
        self,
        operation: Operation[Any],
        shape: Shape,
        scope: Scope,
        outcome: audit.Outcome = "",
        reason: str = "",
        *,
        phase: audit.Phase | None = None,
    ) -> None:
        """Write an entry for each distinct encryption context; return once they are durable."""
        call, principal = scope.call, scope.principal
        details = scope.details
        if shape.audited:
            details = details | _audited(operation, shape)
        if phase is None:
            phase = "outcome" if shape.changing else "event"
        resource = scope.resource
        if resource is None:
            named = operation.resource()
            about = audit.Resource(named.kind, "", named.name)
        else:
            identifier = str(resource.attributes.get("id", ""))
            about = audit.Resource(resource.kind, identifier, resource.name)
        waiting = []
        for context in scope.contexts or shape.contexts(operation):
            entry = audit.Entry(
                action=shape.action,
                context=context,  # type: ignore[arg-type]
                details=details,
                door=call.door,
                key_version=scope.key_version or 0,
                namespace=scope.namespace,
                node=self._house.node,
                outcome=outcome,
                phase=phase,
                principal=principal.name,
                reason=reason,
                request_id=call.request_id,
                resource=about,
                root=principal.root and principal is not SERVER,
                source_ip=call.source_ip,
                time=time.time_ns(),
                token_accessor=principal.accessor,
                trace_id=call.trace_id,
            )
            waiting.append(self._house.audit.append(audit.encode(entry), essential=shape.essential))
        if len(waiting) == 1:
            await waiting[0]
        else:
            await asyncio.gather(*waiting)


def _audited(operation: Operation[Any], shape: Shape) -> dict[str, str | int | bool]:
    values = {name: getattr(operation, name) for name in shape.audited}
    return {name: value for name, value in values.items() if value is not None and value != ""}


def _denied(scope: Scope, action: str, name: str) -> PermissionDenied:
    what = f"{action} {name}".rstrip()
    return PermissionDenied(
        f"{scope.principal.name} may not {what}.",
        hint=f"Ask why: keystead policy why {scope.principal.name} {what}",
        action=action,
        resource=name,
    )
