"""XAES-256-GCM (C2SP): AES-256-GCM under a key derived for each 192-bit nonce."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 24
TAG_BYTES = 16

_HALF = NONCE_BYTES // 2
_BLOCK_BITS = 128
_BLOCK_MASK = (1 << _BLOCK_BITS) - 1
_REDUCTION = 0b10000111  # SP 800-38B, 5.3: R for 128-bit blocks
_M1 = int.from_bytes(b"\x00\x01X\x00" + bytes(_HALF))
_M2 = int.from_bytes(b"\x00\x02X\x00" + bytes(_HALF))
_BOTH_BLOCKS = (1 << _BLOCK_BITS) | 1


class Xaes256Gcm:
    """One 32-byte key, ready for any number of messages (2**80 at a collision risk of 2**-32).

    Steps 1 and 2 of the specification (the CMAC subkey K1) run once, here; each message
    then costs two more AES blocks and one AES-256-GCM key set-up.
    """

    __slots__ = ("_aes", "_masks")

    def __init__(self, key: bytes) -> None:
        self._aes = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305 - CMAC
        subkey = int.from_bytes(self._aes.update(bytes(16))) << 1
        if subkey >> _BLOCK_BITS:
            subkey = subkey & _BLOCK_MASK ^ _REDUCTION
        self._masks = (_M1 ^ subkey) << _BLOCK_BITS | _M2 ^ subkey

    def encrypt(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """Return ciphertext and 16-byte tag under a 24-byte nonce used once."""
        return self._subkey(nonce).encrypt(nonce[_HALF:], plaintext, aad)

    def decrypt(self, nonce: bytes, ciphertext: bytes | memoryview, aad: bytes) -> bytes:
        """Open ``ciphertext`` (with its tag); raises cryptography's InvalidTag."""
        return self._subkey(nonce).decrypt(nonce[_HALF:], ciphertext, aad)

    def _subkey(self, nonce: bytes) -> AESGCM:
        blocks = int.from_bytes(nonce[:_HALF]) * _BOTH_BLOCKS ^ self._masks
        return AESGCM(self._aes.update(blocks.to_bytes(KEY_BYTES)))
