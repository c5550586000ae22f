"""The server's configuration file: TOML, every setting typed, every mistake named with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from keystead.audit.sinks.file import FileConfig
from keystead.audit.sinks.syslog import SyslogConfig
from keystead.audit.sinks.webhook import WebhookConfig
from keystead.errors import ConfigurationError
from keystead.node.places import fields, line_of, type_at

_HTTP = r"^https?://[^/\s]+"


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
    address: Annotated[str, Meta(pattern=_HTTP)] | None = None
    key_name: str | None = None
    mount: str = "transit"
    api: Literal["keystead", "vault"] = "keystead"
    token_file: Path | None = None
    token_env: str | None = None
    ca_file: Path | None = None


class FileSinkConfig(FileConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class SyslogSinkConfig(SyslogConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    port: Annotated[int, Meta(ge=1, le=65535)] = 6514
    facility: Annotated[int, Meta(ge=0, le=23)] = 13


class WebhookSinkConfig(WebhookConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(pattern=_HTTP)]


class SinksConfig(_Section, frozen=True):
    file: list[FileSinkConfig] = []
    syslog: list[SyslogSinkConfig] = []
    webhook: list[WebhookSinkConfig] = []


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

    otlp_endpoint: Annotated[str, Meta(pattern=rf"^$|{_HTTP}")] = ""
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
    "storage.url": "sqlite:///PATH or postgresql://USER@HOST/DATABASE",
    "listeners.address": "HOST:PORT, for example 127.0.0.1:8200",
    "seal.address": "a URL, for example https://kms.example.com:8200",
    "audit.sinks.webhook.url": "a URL, for example https://siem.example.com/keystead",
    "telemetry.otlp_endpoint": "a URL, for example http://127.0.0.1:4318",
    "node": "letters, digits, '.' and '-', at most 63 of them",
}
_SEAL_SETTINGS = {
    "shamir": set[str](),
    "static": {"key_file", "key_env"},
    "transit": {"address", "key_name", "mount", "api", "token_file", "token_env", "ca_file"},
}


def load(path: Path) -> Config:
    """Read a configuration file. Raises ConfigurationError that names the file and the line."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: the file is not UTF-8") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Config:
    """The same from text; ``name`` is what errors call the file."""
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise ConfigurationError(f"{name}: nested too deeply") from None
    except ValueError as error:
        raise ConfigurationError(f"{name}:{_line_in(str(error), text)}: {error}") from None
    try:
        config = msgspec.convert(raw, Config, dec_hook=_path)
    except msgspec.ValidationError as error:
        place, message = _explained(str(error))
        raise _mistake(text, name, place, message) from None
    for place, message in _contradictions(config):
        raise _mistake(text, name, place, message)
    return config


def _mistake(text: str, name: str, place: str, message: str) -> ConfigurationError:
    setting = place.lstrip(".") or "the file"
    return ConfigurationError(f"{name}:{line_of(text, place)}: {setting}: {message}")


def _line_in(message: str, text: str) -> int:
    """The line that tomllib's message speaks of; the last one for the end of the document."""
    named = re.search(r"\(at line (\d+),", message)
    return int(named[1]) if named else text.rstrip("\n").count("\n") + 1


def _explained(error: str) -> tuple[str, str]:
    """The setting and the mistake that a message of msgspec's speaks of."""
    message, _, place = error.partition(" - at `$")
    place = place.rstrip("`")
    if unknown := re.search(r"unknown field `(.+)`", message, re.DOTALL):
        known = ", ".join(fields(type_at(place, Config)))
        return f"{place}.{unknown[1]}", f"unknown setting; expected one of {known}"
    if missing := re.search(r"missing required field `(.+)`", message):
        return f"{place}.{missing[1]}", "missing"
    if "matching regex" in message:
        setting = re.sub(r"\[\d+\]", "", place).lstrip(".")
        return place, f"expected {_FORMS[setting]}"
    if message.startswith("Invalid enum value"):
        return place, f"expected one of {', '.join(get_args(type_at(place, Config)))}"
    return place, message[:1].lower() + message[1:]


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    got = "" if isinstance(value, str) else f", got `{type(value).__name__}`"
    raise TypeError(f"Expected a path{got}")


def _contradictions(config: Config) -> Iterator[tuple[str, str]]:
    """Mistakes that types do not show: each setting with what is wrong."""
    if not _is_database_url(config.storage.url):
        yield ".storage.url", f"expected {_FORMS['storage.url']}"
    for index, listener in enumerate(config.listeners):
        place = f".listeners[{index}]"
        if not 0 < listener.host_port[1] < 1 << 16:
            yield f"{place}.address", "expected a port from 1 to 65535"
        if (listener.tls_cert_file is None) is not (listener.tls_key_file is None):
            yield place, "tls_cert_file and tls_key_file are given together or not at all"
        if listener.client_ca_file is not None and listener.tls_cert_file is None:
            yield f"{place}.client_ca_file", "only a listener with tls_cert_file asks for them"
    seal = config.seal
    for field in msgspec.structs.fields(SealConfig):
        foreign = field.name not in {"type", *_SEAL_SETTINGS[seal.type]}
        if foreign and getattr(seal, field.name) != field.default:
            yield f".seal.{field.name}", f"not a setting of a seal of type {seal.type}"
    if seal.type == "static" and (seal.key_file is None) is (seal.key_env is None):
        yield ".seal", "a static seal needs key_file or key_env, one of them"
    if seal.type == "transit" and not (seal.address and seal.key_name):
        yield ".seal", "a transit seal needs address and key_name"
    if seal.type == "transit" and (seal.token_file is None) is (seal.token_env is None):
        yield ".seal", "a transit seal needs token_file or token_env, one of them"


def _is_database_url(url: str) -> bool:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(url)
    except (ArgumentError, ValueError):
        return False
    return "\0" not in url
