"""Who calls: from a bearer token to a principal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import TYPE_CHECKING, Protocol

import msgspec

from keystead.call import Call
from keystead.errors import InvalidRequest, NotFound, Unauthenticated
from keystead.identity.batch import open_batch, seal_batch
from keystead.identity.cidr import allows
from keystead.identity.credentials import (
    BATCH_PREFIX,
    digest,
    fingerprint,
    is_mistyped,
    new_accessor,
    new_service_token,
)
from keystead.identity.entries import Entries, Entry
from keystead.identity.lineage import Authority, trace
from keystead.identity.principal import Principal
from keystead.identity.records import TOKEN, TokenRecord
from keystead.identity.roles import method_of, standing
from keystead.identity.standings import Standings
from keystead.identity.throttle import Throttle

if TYPE_CHECKING:
    from keystead.store.rows import Sealer
    from keystead.store.transaction import Change, Reader, Transaction

ROOT_NAMESPACE = "root"

_GENERATION = 10_000
_REFUSAL_SECONDS = 2.0


class NamespaceTree(Protocol):
    """What must be known of namespaces, in memory."""

    def id_of(self, name: str) -> str:
        """The identifier of a namespace by name; raises NotFound."""

    def path(self, id: str) -> tuple[str, ...]:
        """Identifiers from the root namespace down to this one."""


class Authenticator:
    """Knows callers by their tokens, from memory wherever possible.

    ``clock`` gives Unix seconds. ``keyring`` opens batch tokens. Every credential that is no
    good gets the same Unauthenticated, whatever is wrong with it.
    ``throttle`` slows down the guessing of passwords.

    A token is used in its home namespace and those below, and from the networks that it and
    all its parents are bound to.
    """

    def __init__(
        self,
        namespaces: NamespaceTree,
        keyring: Sealer,
        clock: Callable[[], float],
        *,
        generation: int = _GENERATION,
    ) -> None:
        self._keyring = keyring
        self._namespaces = namespaces
        self._clock = clock
        self.throttle = Throttle()
        self.hits = 0
        self.misses = 0
        self._entries = Entries(generation, _REFUSAL_SECONDS)
        self._standings = Standings(generation)

    def cached(self, call: Call) -> Principal | None:
        """The caller, if it is known without asking storage; None: ask ``authenticate``.

        Raises Unauthenticated for a credential that is known to be no good. Tokens of
        limited uses are never known here.
        """
        key = digest(call.token)
        entry = self._entries.find(key)
        if entry is not None:
            self.hits += 1
            return self._admit(entry, call)
        self.misses += 1
        if self._entries.is_refused(key, self._clock()):
            raise Unauthenticated
        return None

    def authenticate(self, call: Call, reader: Reader) -> Principal:
        """The caller, as storage knows it. Raises Unauthenticated.

        A principal with ``uses_limited`` must pass ``spend_use`` before it is served.
        """
        token = self.record_of(call.token, reader)
        key = digest(call.token)
        now = self._clock()
        snapshot = reader.last_change()
        try:
            if token is None or token.uses_left == 0:
                raise Unauthenticated
            authority = trace(reader, token, now, self._standings.at(snapshot))
        except Unauthenticated:
            self._entries.refuse(key, now, snapshot)
            raise
        entry = Entry(
            _principal(token, authority),
            authority.deadline,
            authority.networks,
            authority.depends_on,
            (token, authority),
        )
        if not entry.principal.uses_limited:
            self._entries.keep(key, entry, snapshot)
        return self._admit(entry, call)

    def at_hand(self, call: Call) -> tuple[TokenRecord, Authority] | None:
        """The caller's token and what it gives, if known without asking storage."""
        entry = self._entries.find(digest(call.token))
        return None if entry is None else entry.known

    def record_of(self, text: str, reader: Reader) -> TokenRecord | None:
        """The record of a token, alive or not; None if there is none in storage.

        Raises Unauthenticated for what cannot be a token of this server.
        """
        if not text or is_mistyped(text):
            raise Unauthenticated
        if text.startswith(BATCH_PREFIX):
            return open_batch(self._keyring, text)
        return reader.get(TOKEN, "", fingerprint(text))

    def principal_of(self, token: TokenRecord, reader: Reader) -> Principal:
        """Who holds a token, wherever it is used. Raises Unauthenticated if it has ended."""
        if token.uses_left == 0:
            raise Unauthenticated
        return _principal(token, trace(reader, token, self._clock()))

    def spend_use(self, call: Call, tx: Transaction) -> None:
        """Take one use from a token of limited uses, durably with this transaction.

        Raises Unauthenticated if none is left: of concurrent requests with the last use,
        one is served.
        """
        token = tx.get(TOKEN, "", fingerprint(call.token))
        if token is None or token.uses_left == 0:
            raise Unauthenticated
        trace(tx, token, self._clock())
        if token.uses_left is not None:
            left = token.uses_left - 1
            spent = msgspec.structs.replace(
                token, uses_left=left, spent_at=None if left else self._clock()
            )
            tx.put(TOKEN, "", fingerprint(call.token), spent)

    def seal_batch(self, record: TokenRecord) -> str:
        """The text of a batch token. Raises Sealed."""
        return seal_batch(self._keyring, record)

    def forget(self, changes: Sequence[Change]) -> None:
        """Drop what committed changes may concern. Safe to call from any thread."""
        self._standings.drop(changes)
        self._entries.drop(changes)

    def clear(self) -> None:
        """Drop everything: the node is being sealed, or it cannot tell what changed."""
        self._standings.clear()
        self._entries.clear()

    def roles_of(
        self, reader: Reader, namespace: str, principal: str, given_roles: Iterable[str] = ()
    ) -> frozenset[str]:
        """All roles of a principal by name: given, of its log-in method, of its groups, and
        those that these include."""
        return self.principal_named(reader, namespace, principal, given_roles).roles

    def principal_named(
        self, reader: Reader, namespace: str, principal: str, given_roles: Iterable[str] = ()
    ) -> Principal:
        """A principal as it would be if it logged in now; one that is not known has just the
        given roles and its groups'."""
        method = method_of(reader, namespace, principal)
        own = [*given_roles, *(method.roles if method else ())]
        roles, groups = standing(reader, namespace, principal, own)
        return Principal(name=principal, namespace=namespace, roles=roles, groups=groups)

    def issue_root(self, tx: Transaction, *, token: str | None = None) -> str:
        """Store a root token, which may do anything until it is revoked, and return its text.

        ``token``: a text chosen by the caller instead of a random one. Only a development
        server passes one: what is short can be guessed. Raises InvalidRequest if it begins
        like a token of Keystead's but is none.
        """
        text = token or new_service_token()
        if is_mistyped(text) or text.startswith(BATCH_PREFIX):
            raise InvalidRequest("A root token of this form must be one that Keystead made.")
        record = TokenRecord(
            accessor=new_accessor(),
            principal="root",
            namespace=ROOT_NAMESPACE,
            created_at=self._clock(),
            root=True,
        )
        tx.put(TOKEN, "", fingerprint(text), record)
        return text

    def _admit(self, entry: Entry, call: Call) -> Principal:
        principal, deadline, networks = entry.principal, entry.deadline, entry.networks
        if deadline != inf and deadline <= self._clock():
            raise Unauthenticated
        if networks and not all(allows(bound, call.source_ip) for bound in networks):
            raise Unauthenticated
        if principal.namespace != ROOT_NAMESPACE and not self._is_within(principal, call.namespace):
            raise Unauthenticated
        return principal

    def _is_within(self, principal: Principal, namespace: str) -> bool:
        try:
            return principal.namespace in self._namespaces.path(self._namespaces.id_of(namespace))
        except NotFound:
            return False


def _principal(token: TokenRecord, authority: Authority) -> Principal:
    return Principal(
        name=authority.principal,
        namespace=authority.namespace,
        roles=authority.roles,
        groups=authority.groups,
        accessor=token.accessor,
        root=authority.root,
        mfa=token.mfa,
        expires_at=None if authority.deadline == inf else authority.deadline,
        token_parent=token.parent,
        uses_limited=token.uses_left is not None,
        entity=authority.entity,
        without_default=token.without_default,
    )
