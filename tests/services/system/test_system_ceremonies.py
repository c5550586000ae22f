"""Rekey, generate-root, and rotation of what hangs from the root key."""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest

from keystead.errors import Conflict, IntegrityFailure, InvalidRequest, NotFound, UnsealFailed
from keystead.identity.credentials import fingerprint
from keystead.identity.records import TOKEN
from keystead.operations.namespaces import CreateNamespace, SealNamespace
from keystead.operations.system import (
    CancelRekey,
    ContinueGenerateRoot,
    ContinueRekey,
    Initialize,
    RewrapRoot,
    RotateKeyring,
    ShowKeyring,
    StartGenerateRoot,
    StartRekey,
    Unseal,
)
from keystead.seal.dev import DevSeal
from keystead.seal.shamir import ShamirSeal
from keystead.services.namespaces import NAMESPACE, ROOT

SEALS = {"shamir": ShamirSeal, "dev": DevSeal}


@pytest.fixture(params=SEALS)
def opened(request: pytest.FixtureRequest, make_house: Callable[..., Any]) -> tuple[Any, list[str]]:
    """An unsealed house and its 3 shares, of which 2 are needed."""
    house = make_house(SEALS[request.param]())
    shares = house.ask(Initialize(shares=3, threshold=2)).shares
    if house.seal.sealed:
        for share in shares[:2]:
            house.ask(Unseal(share=share))
    return house, shares


def _rekey(house: Any, shares: list[str], *, new: int = 5, needed: int = 3) -> list[str]:
    nonce = house.ask(StartRekey(shares=new, threshold=needed)).nonce
    for share in shares:
        status = house.ask(ContinueRekey(nonce=nonce, share=share))
    assert status.complete
    return status.shares  # type: ignore[no-any-return]


def test_a_rekey_gives_new_shares_and_the_old_ones_are_worth_nothing(
    opened: tuple[Any, list[str]],
) -> None:
    house, old = opened
    new = _rekey(house, old[1:])
    assert len(new) == 5
    assert not house.seal.sealed
    nonce = house.ask(StartRekey(shares=1, threshold=1)).nonce
    for share in old[:2]:
        house.ask(ContinueRekey(nonce=nonce, share=share))
    with pytest.raises(UnsealFailed):
        house.ask(ContinueRekey(nonce=nonce, share=old[2]))
    assert len(_rekey(house, new[2:])) == 5


def test_an_old_seal_row_that_is_put_back_gives_its_shares_no_power(
    opened: tuple[Any, list[str]],
) -> None:
    house, old = opened
    before = house.store.load_seal()
    _rekey(house, old[1:])
    nonce = house.ask(StartGenerateRoot(one_time_pad=secrets.token_bytes(52))).nonce
    house.store.save_seal(before)
    with pytest.raises(IntegrityFailure):
        house.ask(ContinueGenerateRoot(nonce=nonce, share=old[0]))


def test_after_a_shamir_rekey_only_the_new_shares_unseal(make_house: Callable[..., Any]) -> None:
    house = make_house(ShamirSeal())
    old = house.ask(Initialize(shares=3, threshold=2)).shares
    for share in old[:2]:
        house.ask(Unseal(share=share))
    before = house.seal.root_key_for_siblings().reveal()
    new = _rekey(house, old[:2], new=3, needed=2)
    assert house.seal.root_key_for_siblings().reveal() != before
    restarted = make_house(ShamirSeal())
    restarted.ask(Unseal(share=old[0]))
    with pytest.raises(UnsealFailed):
        restarted.ask(Unseal(share=old[1]))
    for share in new[1:]:
        restarted.ask(Unseal(share=share))
    assert not restarted.seal.sealed


def test_too_few_shares_do_not_rekey_and_the_same_one_counts_once(
    opened: tuple[Any, list[str]],
) -> None:
    house, shares = opened
    nonce = house.ask(StartRekey()).nonce
    for _ in range(3):
        status = house.ask(ContinueRekey(nonce=nonce, share=shares[0]))
    assert (status.complete, status.progress, status.threshold) == (False, 1, 2)


def test_a_rekey_that_is_cancelled_or_superseded_takes_no_share(
    opened: tuple[Any, list[str]],
) -> None:
    house, shares = opened
    first = house.ask(StartRekey()).nonce
    house.ask(CancelRekey())
    second = house.ask(StartRekey()).nonce
    for nonce in (first, "", second[:-1]):
        with pytest.raises(NotFound):
            house.ask(ContinueRekey(nonce=nonce, share=shares[0]))
    house.ask(ContinueRekey(nonce=second, share=shares[0]))
    with pytest.raises(Conflict):
        house.ask(StartRekey())


def test_a_ceremony_ends_after_an_hour(opened: tuple[Any, list[str]]) -> None:
    house, shares = opened
    nonce = house.ask(StartRekey()).nonce
    house.ask(ContinueRekey(nonce=nonce, share=shares[0]))
    now = house.clock()
    house.clock = lambda: now + 3601
    with pytest.raises(NotFound):
        house.ask(ContinueRekey(nonce=nonce, share=shares[1]))
    assert len(_rekey(house, shares[:2])) == 5


def test_generate_root_gives_a_working_token_to_whoever_has_the_pad(
    opened: tuple[Any, list[str]],
) -> None:
    house, shares = opened
    pad = secrets.token_bytes(52)
    nonce = house.ask(StartGenerateRoot(one_time_pad=pad)).nonce
    status = house.ask(ContinueGenerateRoot(nonce=nonce, share=shares[0]))
    assert (status.started, status.progress, status.encoded_token) == (True, 1, "")
    status = house.ask(ContinueGenerateRoot(nonce=nonce, share=shares[2]))
    token = bytes(a ^ b for a, b in zip(b64decode(status.encoded_token), pad, strict=True)).decode()
    record = house.store.read_now(lambda reader: reader.get(TOKEN, "", fingerprint(token)))
    assert record.root


def test_shares_that_do_not_fit_generate_nothing(
    opened: tuple[Any, list[str]], make_house: Callable[..., Any]
) -> None:
    house, shares = opened
    foreign = make_house(DevSeal(), "other").ask(Initialize(shares=3, threshold=2)).shares
    tokens = house.store.read_now(lambda reader: reader.count(TOKEN))
    for given in ([shares[0], foreign[1]], foreign[:2]):
        nonce = house.ask(StartGenerateRoot(one_time_pad=bytes(52))).nonce
        house.ask(ContinueGenerateRoot(nonce=nonce, share=given[0]))
        with pytest.raises(UnsealFailed):
            house.ask(ContinueGenerateRoot(nonce=nonce, share=given[1]))
        with pytest.raises(NotFound):
            house.ask(ContinueGenerateRoot(nonce=nonce, share=shares[0]))
    assert house.store.read_now(lambda reader: reader.count(TOKEN)) == tokens


def test_a_pad_of_another_length_than_a_token_is_refused(opened: tuple[Any, list[str]]) -> None:
    house, _ = opened
    with pytest.raises(InvalidRequest):
        house.ask(StartGenerateRoot(one_time_pad=bytes(16)))


def test_rotating_the_keyring_keeps_old_records_and_wraps_every_kek_anew(
    opened: tuple[Any, list[str]],
) -> None:
    house, _ = opened
    house.ask(CreateNamespace(name="tenant"))
    house.ask(SealNamespace(name="tenant"))
    before = house.ask(ShowKeyring())
    view = house.ask(RotateKeyring())
    assert (before.versions, view.versions, view.active) == ([1], [1, 2], 2)
    assert house.ask(ShowKeyring()) == view
    records = house.store.read_now(lambda reader: reader.list(NAMESPACE, ""))
    assert {int.from_bytes(kek.blob[:4]) for _, r in records for kek in r.keks} == {2}
    house.store.write_now(lambda tx: tx.put(NAMESPACE, "", *records[0]))
    assert house.keyring.seal("", b"", b"")[:4] == (2).to_bytes(4)


def test_other_nodes_follow_a_rotation_before_they_hear_of_it(
    make_house: Callable[..., Any],
) -> None:
    seal = DevSeal()
    house = make_house(seal)
    house.ask(Initialize())
    other = make_house(seal)
    asyncio.run(other.seal.auto_unseal())
    house.ask(RotateKeyring())
    house.store.write_now(lambda tx: tx.put(NAMESPACE, "", ROOT, tx.get(NAMESPACE, "", ROOT)))
    assert other.store.read_now(lambda reader: reader.get(NAMESPACE, "", ROOT)) is not None
    assert other.keyring.contents.active.number == 2


def test_other_nodes_follow_a_new_root_key(opened: tuple[Any, list[str]], make_house: Any) -> None:
    house, shares = opened
    other = make_house(house.seal.seal)
    asyncio.run(other.seal.accept_root_key(house.seal.root_key_for_siblings()))
    if house.seal.seal.automatic:
        house.ask(RewrapRoot())
    else:
        _rekey(house, shares[:2])
    asyncio.run(other.seal.refresh())
    root = house.seal.root_key_for_siblings().reveal()
    assert other.seal.root_key_for_siblings().reveal() == root


def test_rewrapping_makes_a_new_root_key_without_sealing(make_house: Callable[..., Any]) -> None:
    seal = DevSeal()
    house = make_house(seal)
    shares = house.ask(Initialize(shares=3, threshold=2)).shares
    before = house.seal.root_key_for_siblings().reveal()
    house.ask(RewrapRoot())
    assert house.seal.root_key_for_siblings().reveal() != before
    restarted = make_house(seal)
    asyncio.run(restarted.seal.auto_unseal())
    assert len(_rekey(restarted, shares[:2])) == 5


def test_a_shamir_root_key_is_not_rewrapped(make_house: Callable[..., Any]) -> None:
    house = make_house(ShamirSeal())
    for share in house.ask(Initialize(shares=1, threshold=1)).shares:
        house.ask(Unseal(share=share))
    with pytest.raises(Conflict):
        house.ask(RewrapRoot())


def test_a_forged_version_of_the_keyring_opens_nothing(opened: tuple[Any, list[str]]) -> None:
    house, _ = opened
    blob = house.keyring.seal("", b"aad", b"secret")
    with pytest.raises(IntegrityFailure):
        house.keyring.open("", b"aad", (9).to_bytes(4) + blob[4:])
    with pytest.raises(IntegrityFailure):
        house.keyring.open("", b"aad", b"")
