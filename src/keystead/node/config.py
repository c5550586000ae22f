"""The server's configuration file: TOML, every setting typed, every mistake named with its line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from keystead.audit.sinks.file import FileConfig
from keystead.audit.sinks.syslog import SyslogConfig
from keystead.audit.sinks.webhook import WebhookConfig
from keystead.errors import ConfigurationError


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class StorageConfig(_Section, frozen=True):
    """``url``: ``sqlite:///path`` or ``postgresql://user@host/database``."""

    url: Annotated[str, Meta(pattern=r"^(sqlite:///.+|postgresql(\+psycopg)?://.+)$")]


class SealConfig(_Section, frozen=True):
    """``type``: ``shamir``, ``static`` (``key_file`` or ``key_env``), or ``transit``
    (``address``, ``key_name``, ``token_file`` or ``token_env``)."""

    type: Literal["shamir", "static", "transit"] = "shamir"
    key_file: Path | None = None
    key_env: str | None = None
    address: str | None = None
    key_name: str | None = None
    mount: str = "transit"
    api: Literal["keystead", "vault"] = "keystead"
    token_file: Path | None = None
    token_env: str | None = None
    ca_file: Path | None = None


class SinksConfig(_Section, frozen=True):
    file: list[FileConfig] = []
    syslog: list[SyslogConfig] = []
    webhook: list[WebhookConfig] = []


class AuditConfig(_Section, frozen=True):
    path: Path
    sinks: SinksConfig = SinksConfig()


class ListenerConfig(_Section, frozen=True):
    """``address``: ``host:port``; IPv6 hosts in brackets."""

    address: Annotated[str, Meta(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^:\s]+):\d{1,5}$")]
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    client_ca_file: Path | None = None

    @property
    def host_port(self) -> tuple[str, int]:
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)


class TelemetryConfig(_Section, frozen=True):
    """``otlp_endpoint``: base URL of an OTLP/HTTP collector; empty: no traces."""

    otlp_endpoint: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"


class LimitsConfig(_Section, frozen=True):
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1 << 30)] = 32 << 20


class Config(_Section, frozen=True):
    storage: StorageConfig
    audit: AuditConfig
    listeners: Annotated[list[ListenerConfig], Meta(min_length=1)]
    seal: SealConfig = SealConfig()
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    node: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$")] = "node-1"
    telemetry: TelemetryConfig = TelemetryConfig()
    limits: LimitsConfig = LimitsConfig()


_FORMS = {
    "url": "sqlite:///PATH or postgresql://USER@HOST/DATABASE",
    "address": "HOST:PORT, for example 127.0.0.1:8200",
    "node": "letters, digits, '.' and '-', at most 63 of them",
}


def load(path: Path) -> Config:
    """Read a configuration file. Raises ConfigurationError that names the file and the line."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: the file is not UTF-8") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Config:
    """The same from text; ``name`` is what errors call the file."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    try:
        config = msgspec.convert(raw, Config, dec_hook=_path)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        place = place.rstrip("`")
        unknown = re.search(r"unknown field `(.+)`", message)
        if unknown:
            place = f"{place}.{unknown[1]}"
            message = f"unknown setting {unknown[1]}; expected one of {_known(place)}"
        elif missing := re.search(r"missing required field `(.+)`", message):
            message = f"{missing[1]} is missing"
        elif "matching regex" in message:
            message = f"expected {_FORMS[place.rpartition('.')[2]]}"
        line = _line_of(text, place)
        setting = place.lstrip(".") or "the file"
        raise ConfigurationError(f"{name}:{line}: {setting}: {message}") from None
    _check(config, text, name)
    return config


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")


def _check(config: Config, text: str, name: str) -> None:
    for index, listener in enumerate(config.listeners):
        if (listener.tls_cert_file is None) is not (listener.tls_key_file is None):
            line = _line_of(text, f".listeners[{index}]")
            raise ConfigurationError(
                f"{name}:{line}: tls_cert_file and tls_key_file are given together or not at all"
            )
    seal = config.seal
    problem = ""
    if seal.type == "static" and (seal.key_file is None) is (seal.key_env is None):
        problem = "a static seal needs key_file or key_env, one of them"
    if seal.type == "transit" and not (seal.address and seal.key_name):
        problem = "a transit seal needs address and key_name"
    if seal.type == "transit" and (seal.token_file is None) is (seal.token_env is None):
        problem = "a transit seal needs token_file or token_env, one of them"
    if problem:
        raise ConfigurationError(f"{name}:{_line_of(text, '.seal')}: {problem}")


def _known(place: str) -> str:
    """The settings that exist where an unknown one was found."""
    section: type = Config
    for step in re.findall(r"\.([a-z_]+)", place)[:-1]:
        hints = {field.name: field.type for field in msgspec.structs.fields(section)}
        found = _section_in(hints.get(step))
        if found is None:
            break
        section = found
    return ", ".join(field.name for field in msgspec.structs.fields(section))


def _section_in(hint: object) -> type | None:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    for argument in getattr(hint, "__args__", ()):
        if found := _section_in(argument):
            return found
    return None


def _line_of(text: str, place: str) -> int:
    """The line of a setting given as msgspec names it (``.listeners[0].address``).

    A setting that is missing is looked for in its table's header; 1 if nothing is found.
    """
    steps = re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]", place)
    wanted = [name for name, _ in steps if name]
    indexes = {len([n for n, _ in steps[:i] if n]): int(d) for i, (_, d) in enumerate(steps) if d}
    table: list[str] = []
    seen: dict[str, int] = {}
    best = 1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[\[?)\s*([A-Za-z0-9_.\s-]+?)\s*\]", line):
            table = [part.strip() for part in header[2].split(".")]
            if header[1] == "[[":
                seen[header[2]] = seen.get(header[2], -1) + 1
            if wanted[: len(table)] == table and _is_nth(table, seen, indexes):
                best = number
        elif key := re.match(r'\s*"?([A-Za-z0-9_.-]+)"?\s*=', line):
            here = [*table, *key[1].split(".")]
            if wanted[: len(here)] == here and _is_nth(table, seen, indexes):
                return number
    return best


def _is_nth(table: list[str], seen: dict[str, int], indexes: dict[int, int]) -> bool:
    name = ".".join(table)
    return name not in seen or indexes.get(len(table), seen[name]) == seen[name]
