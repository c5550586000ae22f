"""The life of keys, walked by the same tables that the code reads."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.errors import KeyStateForbids
from keystead.operations.cryptography import Decrypt, Encrypt, Sign, Verify
from keystead.operations.keys import (
    CompromiseKey,
    DeactivateKey,
    DestroyKey,
    DisableKey,
    EnableKey,
    ReapKeys,
    RestoreKey,
    RotateKey,
    ShowKey,
)
from keystead.services.keys.states import ALLOWS, FOLLOWS, Purpose, State, effective

DAY = 86_400
WAY = {
    State.PRE_ACTIVE: [],
    State.ACTIVE: [EnableKey],
    State.SUSPENDED: [EnableKey, DisableKey],
    State.DEACTIVATED: [EnableKey, DeactivateKey],
    State.COMPROMISED: [EnableKey, CompromiseKey],
    State.PENDING_DESTRUCTION: [EnableKey, DestroyKey],
    State.DESTROYED: [EnableKey, DestroyKey],
}
MOVES = {
    EnableKey: State.ACTIVE,
    DisableKey: State.SUSPENDED,
    DeactivateKey: State.DEACTIVATED,
    CompromiseKey: State.COMPROMISED,
    DestroyKey: State.PENDING_DESTRUCTION,
}

in_each_state = pytest.mark.parametrize("state", list(State))


def bring(office: Any, name: str, state: State) -> None:
    """Take a new key the whole way to a state."""
    office.key(name, activate=False)
    for step in WAY[state]:
        office.perform(step(key=name))
    if state is State.DESTROYED:
        office.now = office.clock() + 31 * DAY
        office.as_server(ReapKeys())
    assert office.perform(ShowKey(key=name)).state == state


@in_each_state
def test_a_key_protects_and_processes_as_its_state_allows(office: Any, state: State) -> None:
    office.key("seal", "xaes-256-gcm")
    sealed = office.perform(Encrypt(key="seal", plaintext=b"x")).ciphertext
    office.key("sign", "ed25519")
    signature = office.perform(Sign(key="sign", message=b"m")).signature
    for name in ("seal", "sign"):
        if state is State.PRE_ACTIVE:
            continue
        for step in WAY[state][1:]:
            office.perform(step(key=name))
    if state is State.PRE_ACTIVE:
        bring(office, "new", state)
        with pytest.raises(KeyStateForbids):
            office.perform(Encrypt(key="new", plaintext=b"x"))
        return
    if state is State.DESTROYED:
        office.now = office.clock() + 31 * DAY
        office.as_server(ReapKeys())
    asked = {
        Purpose.PROTECT: [Encrypt(key="seal", plaintext=b"x"), Sign(key="sign", message=b"m")],
        Purpose.PROCESS: [
            Decrypt(ciphertext=sealed),
            Verify(key="sign", message=b"m", signature=signature),
        ],
    }
    for purpose, operations in asked.items():
        for operation in operations:
            if purpose in ALLOWS[state]:
                assert office.perform(operation)
            else:
                with pytest.raises(KeyStateForbids) as refused:
                    office.perform(operation)
                assert refused.value.details["state"] == state


@in_each_state
@pytest.mark.parametrize("move", list(MOVES))
def test_a_key_moves_only_where_the_table_says(office: Any, state: State, move: Any) -> None:
    bring(office, "k", state)
    to = MOVES[move]
    if to in FOLLOWS[state] or (to is state and move is not DestroyKey):
        assert office.perform(move(key="k")).state == to
    else:
        with pytest.raises(KeyStateForbids):
            office.perform(move(key="k"))
        assert office.perform(ShowKey(key="k")).state == state


@in_each_state
def test_only_an_active_key_is_rotated(office: Any, state: State) -> None:
    bring(office, "k", state)
    if state is State.ACTIVE:
        assert office.perform(RotateKey(key="k")).primary_version == 2
    else:
        with pytest.raises(KeyStateForbids):
            office.perform(RotateKey(key="k"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State.PRE_ACTIVE, State.SUSPENDED),
        (State.ACTIVE, State.SUSPENDED),
        (State.SUSPENDED, State.SUSPENDED),
        (State.DEACTIVATED, State.DEACTIVATED),
        (State.COMPROMISED, State.COMPROMISED),
    ],
)
def test_restoring_never_gives_back_more_than_there_was(
    office: Any, before: State, after: State
) -> None:
    bring(office, "k", before)
    office.perform(DestroyKey(key="k"))
    restored = office.perform(RestoreKey(key="k"))
    assert (restored.state, restored.destroy_at) == (after, None)
    with pytest.raises(KeyStateForbids):
        office.perform(RestoreKey(key="k"))


@in_each_state
def test_a_version_is_no_freer_than_its_key(state: State) -> None:
    for version in State:
        both = effective(state, version)
        assert ALLOWS[both] <= ALLOWS[state]
        assert ALLOWS[both] <= ALLOWS[version]


def test_a_version_is_suspended_by_itself(office: Any) -> None:
    office.key("k")
    old = office.perform(Encrypt(key="k", plaintext=b"x")).ciphertext
    office.perform(RotateKey(key="k"))
    office.perform(DisableKey(key="k", version=1))
    with pytest.raises(KeyStateForbids):
        office.perform(Decrypt(ciphertext=old))
    new = office.perform(Encrypt(key="k", plaintext=b"y"))
    assert (new.version, office.perform(Decrypt(ciphertext=new.ciphertext)).plaintext) == (2, b"y")
    office.perform(EnableKey(key="k", version=1))
    assert office.perform(Decrypt(ciphertext=old)).plaintext == b"x"
