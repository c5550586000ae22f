"""From settings to a seal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from keystead.errors import ConfigurationError
from keystead.seal.base import Seal


class SealSettings(Protocol):
    """What the configuration says of the seal; see ``node.config``."""

    @property
    def type(self) -> str: ...
    @property
    def key_file(self) -> Path | None: ...
    @property
    def key_env(self) -> str | None: ...
    @property
    def address(self) -> str | None: ...
    @property
    def key_name(self) -> str | None: ...
    @property
    def mount(self) -> str: ...
    @property
    def api(self) -> str: ...
    @property
    def token_file(self) -> Path | None: ...
    @property
    def token_env(self) -> str | None: ...
    @property
    def ca_file(self) -> Path | None: ...


def open_seal(settings: SealSettings) -> Seal:
    """The seal that the settings describe; only its own module is imported.

    Raises ConfigurationError if a setting is missing or its key or token cannot be read.
    """
    if settings.type == "shamir":
        from keystead.seal.shamir import ShamirSeal

        return ShamirSeal()
    if settings.type == "static":
        return _static(settings)
    if settings.type == "transit":
        return _transit(settings)
    raise ConfigurationError(f"There is no seal of type {settings.type}.")


def _static(settings: SealSettings) -> Seal:
    from keystead.seal.static import StaticSeal, key_from_environment, key_from_file

    if settings.key_file is not None:
        return StaticSeal(key_from_file(settings.key_file))
    if settings.key_env is not None:
        return StaticSeal(key_from_environment(settings.key_env))
    raise ConfigurationError("A static seal needs key_file or key_env.")


def _transit(settings: SealSettings) -> Seal:
    from keystead.seal.transit import Dialect, KeysteadTransit, TransitSeal, VaultTransit

    if not settings.address or not settings.key_name:
        raise ConfigurationError("A transit seal needs address and key_name.")
    dialect: Dialect
    if settings.api == "vault":
        dialect = VaultTransit(settings.key_name, settings.mount)
    else:
        dialect = KeysteadTransit(settings.key_name)
    return TransitSeal(settings.address, dialect, _token(settings), settings.ca_file)


def _token(settings: SealSettings) -> Callable[[], str]:
    from keystead.seal.transit import token_from_file

    if settings.token_file is not None:
        return token_from_file(settings.token_file)
    token = os.environ.pop(settings.token_env, None) if settings.token_env else None
    if not token:
        raise ConfigurationError("A transit seal needs token_file, or token_env that is set.")
    return lambda: token
