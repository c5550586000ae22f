"""Shamir's secret sharing as word lists (SLIP-39): any ``threshold`` of ``shares`` suffice.

Each share carries its own checksum (SLIP-39, RS1024), so a mistyped word is found at once.
Shares are joined only when enough are there, and the answer is one: they fit or they don't.
"""

from __future__ import annotations

from collections.abc import Sequence

# It ships no types.
from shamir_mnemonic import (  # type: ignore[import-untyped]
    MnemonicError,
    combine_mnemonics,
    generate_mnemonics,
)
from shamir_mnemonic.share import Share  # type: ignore[import-untyped]

from keystead.crypto.material import KeyMaterial
from keystead.errors import InvalidRequest, UnsealFailed

MAX_SHARES = 16

# SLIP-39 stretches a passphrase; there is none here and the secret is random, so the
# smallest exponent (10,000 HMACs) loses nothing.
_ITERATION_EXPONENT = 0


def require_shareable(shares: int, threshold: int) -> None:
    """Raise InvalidRequest unless 1 <= threshold <= shares <= 16 is a sharing of SLIP-39.

    A threshold of 1 goes with one share only: copies of one secret are not a sharing.
    """
    if not 1 <= threshold <= shares <= MAX_SHARES:
        raise InvalidRequest(
            f"The threshold is 1 to the number of shares, which is at most {MAX_SHARES}.",
            shares=shares,
            threshold=threshold,
        )
    if threshold == 1 < shares:
        raise InvalidRequest("A threshold of 1 allows one share only.", shares=shares, threshold=1)


def split(secret: KeyMaterial, shares: int, threshold: int) -> list[str]:
    """Split 32 secret bytes into ``shares`` word lists of 33 words.

    Raises InvalidRequest as ``require_shareable`` does.
    """
    require_shareable(shares, threshold)
    groups: list[list[str]] = generate_mnemonics(
        1, [(threshold, shares)], secret.reveal(), iteration_exponent=_ITERATION_EXPONENT
    )
    return groups[0]


def read_share(text: str) -> str:
    """The share in its one spelling: lower case, single spaces.

    Raises UnsealFailed unless its words and its checksum are right. Whether it belongs to
    the key is not known before enough shares are joined.
    """
    share = " ".join(text.lower().split())
    try:
        Share.from_mnemonic(share)
    except (MnemonicError, ValueError, LookupError):
        raise UnsealFailed(
            "That is not a share: a word is misspelt, missing or out of place.",
            hint="Type the words in the order in which they were printed.",
        ) from None
    return share


def join(shares: Sequence[str]) -> KeyMaterial:
    """The secret that ``shares`` (exactly the threshold, all different) were split from.

    Raises UnsealFailed if they do not fit together. With a threshold of 1 the scheme has no
    digest of the secret: whoever joins must check what comes out.
    """
    try:
        return KeyMaterial(combine_mnemonics(list(shares)))
    except (MnemonicError, ValueError, LookupError):
        raise UnsealFailed(
            f"The {len(shares)} shares do not fit together.",
            hint="Start again with shares of the same, newest set.",
            given=len(shares),
        ) from None


class ShamirSeal:
    """Keeps nothing: people unseal, each with a share."""

    type = "shamir"
    automatic = False

    def wrap(self, root_key: KeyMaterial) -> bytes:
        """Nothing goes into the database."""
        return b""

    def unwrap(self, blob: bytes) -> KeyMaterial:
        """Raises UnsealFailed: shares are needed."""
        raise UnsealFailed("This seal opens with shares.")
