"""Where the root key comes from, and the keys it guards.

Root key (outside the database) → keyring (versioned) → namespace KEK → rows.
"""

from keystead.seal.base import Seal
from keystead.seal.opening import SealSettings, open_seal

__all__ = ["Seal", "SealSettings", "open_seal"]
