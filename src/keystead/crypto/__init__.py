"""Algorithms over pyca/cryptography and libsodium: pure, without I/O or protocol."""

from keystead.crypto.keys import generate, import_material, open_private, open_public, public_der
from keystead.crypto.material import KeyMaterial
from keystead.crypto.publication import public_jwk, public_pem
from keystead.crypto.specs import DEFAULT_SPEC, SPECS, Handle, KeySpec, PublicHandle, Usage, spec

__all__ = [
    "DEFAULT_SPEC",
    "SPECS",
    "Handle",
    "KeyMaterial",
    "KeySpec",
    "PublicHandle",
    "Usage",
    "generate",
    "import_material",
    "open_private",
    "open_public",
    "public_der",
    "public_jwk",
    "public_pem",
    "spec",
]
