"""Initialize, unseal and seal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from keystead.crypto.material import KeyMaterial
from keystead.errors import (
    AlreadyInitialized,
    ConfigurationError,
    Conflict,
    IntegrityFailure,
    InvalidRequest,
    NotInitialized,
    Sealed,
    StoreUnavailable,
    UnsealFailed,
)
from keystead.operations.system import Initialize, Seal, ShowStatus, Unseal
from keystead.seal.dev import DevSeal
from keystead.seal.shamir import ShamirSeal, split
from keystead.services.namespaces import NAMESPACE, ROOT


def _unseal(house: Any, shares: list[str]) -> Any:
    for share in shares:
        status = house.ask(Unseal(share=share))
    return status


def test_shamir_starts_sealed_and_any_threshold_of_shares_unseals(shamir_house: Any) -> None:
    made = shamir_house.ask(Initialize(shares=5, threshold=3))
    assert shamir_house.seal.sealed
    assert len(made.shares) == 5
    status = _unseal(shamir_house, [made.shares[4], made.shares[0]])
    assert (status.sealed, status.progress, status.threshold) == (True, 2, 3)
    assert not _unseal(shamir_house, [made.shares[2]]).sealed


def test_an_automatic_seal_is_unsealed_after_initialization(make_house: Callable[..., Any]) -> None:
    house = make_house(DevSeal())
    made = house.ask(Initialize(shares=3, threshold=2))
    assert not house.ask(ShowStatus()).sealed
    assert made.root_token.startswith("kst_")


def test_an_automatic_seal_unseals_again_by_itself(make_house: Callable[..., Any]) -> None:
    seal = DevSeal()
    make_house(seal).ask(Initialize())
    restarted = make_house(seal)
    assert not asyncio.run(restarted.seal.auto_unseal()).sealed


def test_a_second_initialization_is_refused_by_every_node(make_house: Callable[..., Any]) -> None:
    one, other = make_house(ShamirSeal()), make_house(ShamirSeal())
    one.ask(Initialize())
    with pytest.raises(AlreadyInitialized):
        one.ask(Initialize())
    with pytest.raises(AlreadyInitialized):
        other.ask(Initialize())


def test_a_failed_initialization_leaves_nothing(make_house: Callable[..., Any]) -> None:
    def fail(tx: object) -> str:
        raise StoreUnavailable

    house = make_house(DevSeal())
    with pytest.raises(StoreUnavailable):
        asyncio.run(house.seal.initialize(1, 1, fail))
    assert house.store.load_seal() is None
    with pytest.raises(Sealed):
        house.keyring.seal("", b"", b"")
    house.ask(Initialize())


@pytest.mark.parametrize(("shares", "threshold"), [(2, 3), (2, 1), (16, 1)])
def test_a_sharing_that_cannot_be_is_refused(
    shamir_house: Any, shares: int, threshold: int
) -> None:
    with pytest.raises(InvalidRequest):
        shamir_house.ask(Initialize(shares=shares, threshold=threshold))
    assert not shamir_house.ask(ShowStatus()).initialized


def test_the_same_share_given_twice_counts_once(shamir_house: Any) -> None:
    made = shamir_house.ask(Initialize(shares=3, threshold=2))
    spelled_otherwise = f"  {made.shares[0].upper()} \n"
    assert _unseal(shamir_house, [made.shares[0], spelled_otherwise]).progress == 1


def test_shares_of_another_server_are_refused_and_forgotten(make_house: Callable[..., Any]) -> None:
    house, other = make_house(ShamirSeal()), make_house(ShamirSeal(), "other")
    made, foreign = house.ask(Initialize()), other.ask(Initialize())
    with pytest.raises(UnsealFailed):
        _unseal(house, [*made.shares[:2], foreign.shares[0]])
    with pytest.raises(UnsealFailed):
        _unseal(house, foreign.shares[:3])
    status = house.ask(ShowStatus())
    assert (status.sealed, status.progress) == (True, 0)
    assert not _unseal(house, made.shares[:3]).sealed


def test_the_single_share_of_another_server_is_refused(make_house: Callable[..., Any]) -> None:
    house, other = make_house(ShamirSeal()), make_house(ShamirSeal(), "other")
    house.ask(Initialize(shares=1, threshold=1))
    foreign = other.ask(Initialize(shares=1, threshold=1))
    with pytest.raises(UnsealFailed):
        _unseal(house, foreign.shares)


def test_a_mistyped_share_is_told_at_once_and_costs_nothing(shamir_house: Any) -> None:
    made = shamir_house.ask(Initialize(shares=3, threshold=2))
    _unseal(shamir_house, [made.shares[0]])
    for wrong in ("", "nonsense", "\x00", made.shares[1][:-1], f"{made.shares[1]} academic"):
        with pytest.raises((UnsealFailed, InvalidRequest)):
            shamir_house.ask(Unseal(share=wrong))
    assert not _unseal(shamir_house, [made.shares[1]]).sealed


def test_reset_forgets_the_shares_given_before(shamir_house: Any) -> None:
    made = shamir_house.ask(Initialize(shares=3, threshold=2))
    _unseal(shamir_house, [made.shares[0]])
    assert shamir_house.ask(Unseal(reset=True)).progress == 0


def test_recovery_shares_do_not_unseal(house: Any) -> None:
    asyncio.run(house.seal.seal_now())
    with pytest.raises(Conflict):
        house.ask(Unseal(share=split(KeyMaterial(bytes(32)), 1, 1)[0]))


def test_sealing_forgets_every_key(house: Any) -> None:
    heard: list[str] = []

    async def hear() -> None:
        heard.append("sealed")

    house.seal.on_seal.append(hear)
    assert house.ask(Seal()).sealed
    assert heard == ["sealed"]
    assert house.seal.root_key_for_siblings() is None
    with pytest.raises(Sealed):
        house.store.read_now(lambda reader: reader.get(NAMESPACE, "", ROOT))
    with pytest.raises(Sealed):
        house.seal.require_unsealed()


def test_nothing_unseals_before_initialization(make_house: Callable[..., Any]) -> None:
    house = make_house(DevSeal())
    with pytest.raises(NotInitialized):
        asyncio.run(house.seal.auto_unseal())
    with pytest.raises(NotInitialized):
        house.seal.require_unsealed()


def test_a_sibling_unseals_with_the_root_key_it_is_handed(make_house: Callable[..., Any]) -> None:
    seal = ShamirSeal()
    house, sibling = make_house(seal), make_house(seal)
    _unseal(house, house.ask(Initialize(shares=1, threshold=1)).shares)
    with pytest.raises(UnsealFailed):
        asyncio.run(sibling.seal.accept_root_key(KeyMaterial(bytes(32))))
    asyncio.run(sibling.seal.accept_root_key(house.seal.root_key_for_siblings()))
    assert not sibling.seal.sealed


def test_a_worker_whose_caches_cannot_be_filled_seals_again(make_house: Callable[..., Any]) -> None:
    async def fail() -> None:
        raise StoreUnavailable

    seal = DevSeal()
    make_house(seal).ask(Initialize())
    house = make_house(seal)
    house.seal.on_unseal.append(fail)
    with pytest.raises(StoreUnavailable):
        asyncio.run(house.seal.auto_unseal())
    assert house.seal.sealed
    with pytest.raises(Sealed):
        house.keyring.seal("", b"", b"")


def test_a_server_initialized_with_another_seal_does_not_start(
    make_house: Callable[..., Any],
) -> None:
    make_house(ShamirSeal()).ask(Initialize())
    with pytest.raises(ConfigurationError):
        asyncio.run(make_house(DevSeal()).seal.auto_unseal())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shares", 99),
        ("threshold", 1),
        ("generation", 7),
        ("root", b"x"),
        ("successor", b"x"),
        ("authority", bytes(32)),
        ("mac", bytes(32)),
    ],
)
def test_an_edited_seal_row_is_refused(
    make_house: Callable[..., Any], field: str, value: object
) -> None:
    house = make_house(ShamirSeal())
    _unseal(house, house.ask(Initialize(shares=3, threshold=2)).shares[:2])
    root = house.seal.root_key_for_siblings()
    house.store.save_seal(msgspec.structs.replace(house.store.load_seal(), **{field: value}))
    with pytest.raises(IntegrityFailure):
        asyncio.run(house.seal.refresh())
    assert house.seal.sealed
    with pytest.raises(IntegrityFailure):
        asyncio.run(make_house(ShamirSeal()).seal.accept_root_key(KeyMaterial(root.reveal())))


def test_secrets_are_in_no_repr(house: Any) -> None:
    root = house.seal.root_key_for_siblings().reveal()
    shown = repr(house.seal.__dict__) + repr(house.keyring.__dict__) + repr(house.keyring.contents)
    key = house.keyring.contents.active.key
    for secret in (root, key):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
