"""The configuration file: what is wrong is named, with its line and what is expected."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.errors import ConfigurationError
from keystead.node.config import Config, load, parse

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations" / "configuration.md"

GOOD = """\
workers = 2
node = "kms-1"
[storage]
url = "sqlite:///keystead.sqlite"
[seal]
type = "shamir"
[audit]
path = "audit"
[[listeners]]
address = "127.0.0.1:8200"
[[listeners]]
address = "[::1]:8201"
tls_cert_file = "tls.pem"
tls_key_file = "tls.key"
client_ca_file = "clients.pem"
"""

SEAL = 'type = "shamir"'
TRANSIT = 'type = "transit"\naddress = "https://kms.example:8200"\nkey_name = "root"'
ONE_OF = "needs key_file or key_env, one of them"
LISTENER = "expected HOST:PORT, for example 127.0.0.1:8200"

# What is put for what in the good file; the message after the file's name.
MISTAKES = [
    # unknown settings
    ("workers = 2", "worker = 2", "1: worker: unknown setting; expected one of storage, audit,"),
    ('url = "', 'uri = "', "4: storage.uri: unknown setting; expected one of url"),
    (SEAL, f"{SEAL}\nshares = 3", "7: seal.shares: unknown setting; expected one of type, key_fi"),
    ("client_ca_file", "ca_file", "15: listeners[1].ca_file: unknown setting; expected one of ad"),
    ("[audit]", "[autid]", "7: autid: unknown setting; expected one of storage, audit, listeners"),
    ("[audit]", "[audit.sink]\n[audit]", "7: audit.sink: unknown setting; expected one of path"),
    # wrong types and values
    ("workers = 2", 'workers = "2"', "1: workers: expected `int`, got `str`"),
    ("workers = 2", "workers = 2.5", "1: workers: expected `int`, got `float`"),
    ("workers = 2", "workers = true", "1: workers: expected `int`, got `bool`"),
    ("workers = 2", "workers = 0", "1: workers: expected `int` >= 1"),
    ("workers = 2", "workers = 65", "1: workers: expected `int` <= 64"),
    ('"kms-1"', '"kms 1"', "2: node: expected letters, digits, '.' and '-', at most 63 of them"),
    ('"audit"', "7", "8: audit.path: expected a path, got `int`"),
    ('"audit"', '""', "8: audit.path: expected a path"),
    ('"audit"', r'"a\u0000b"', "8: audit.path: expected a path"),
    ('"shamir"', '"shamirs"', "6: seal.type: expected one of shamir, static, transit"),
    (
        GOOD[GOOD.index("[[") : GOOD.rindex("[[") + 13],
        "[listeners]",
        "9: listeners: expected `array`, got `object`",
    ),
    # what is missing
    ("[storage]\nurl", "url", "3: url: unknown setting"),
    ('[storage]\nurl = "sqlite:///keystead.sqlite"\n', "", "1: storage: missing"),
    ('url = "sqlite:///keystead.sqlite"\n', "", "3: storage.url: missing"),
    ('path = "audit"\n', "", "7: audit.path: missing"),
    ('address = "[::1]:8201"\n', "", "11: listeners[1].address: missing"),
    # URLs and addresses
    ("sqlite:///keystead.sqlite", "mysql://db", "4: storage.url: expected sqlite:///PATH or po"),
    ("sqlite:///keystead.sqlite", "sqlite://", "4: storage.url: expected sqlite:///PATH or po"),
    ("sqlite:///keystead.sqlite", "postgresql://u@h:p/d", "4: storage.url: expected sqlite:///P"),
    ("127.0.0.1:8200", "127.0.0.1", f"10: listeners[0].address: {LISTENER}"),
    ("127.0.0.1:8200", ":8200", f"10: listeners[0].address: {LISTENER}"),
    ("127.0.0.1:8200", "::1:8200", f"10: listeners[0].address: {LISTENER}"),
    ("127.0.0.1:8200", "h:70000", "10: listeners[0].address: expected a port from 1 to 65535"),
    ("[::1]:8201", "[::1]:0", "12: listeners[1].address: expected a port from 1 to 65535"),
    (SEAL, TRANSIT.replace("https", "ftp"), "7: seal.address: expected a URL, for example https"),
    (SEAL, TRANSIT.replace("https://", ""), "7: seal.address: expected a URL, for example https"),
    (SEAL, f'{SEAL}\n[telemetry]\notlp_endpoint = "x"', "8: telemetry.otlp_endpoint: expected a"),
    # settings that go together
    ('tls_key_file = "tls.key"\n', "", "11: listeners[1]: tls_cert_file and tls_key_file are giv"),
    ('tls_cert_file = "tls.pem"\n', "", "11: listeners[1]: tls_cert_file and tls_key_file are gi"),
    (
        'tls_cert_file = "tls.pem"\ntls_key_file = "tls.key"\n',
        "",
        "13: listeners[1].client_ca_file: only a listener with tls_cert_file",
    ),
    (SEAL, 'type = "static"', f"5: seal: a static seal {ONE_OF}"),
    (SEAL, 'type = "static"\nkey_file = "a"\nkey_env = "B"', f"5: seal: a static seal {ONE_OF}"),
    (SEAL, TRANSIT, "5: seal: a transit seal needs token_file or token_env, one of them"),
    (SEAL, 'type = "transit"\ntoken_env = "T"', "5: seal: a transit seal needs address and key_n"),
    (SEAL, 'key_file = "k"', "6: seal.key_file: not a setting of a seal of type shamir"),
    (
        SEAL,
        'type = "static"\nkey_env = "K"\ntoken_env = "T"',
        "8: seal.token_env: not a setting of a seal of type static",
    ),
    # sinks
    (
        '[[listeners]]\naddress = "127',
        '[[audit.sinks.file]]\npath = "a"\n[[audit.sinks.file]]\npaht = "b"\n'
        '[[listeners]]\naddress = "127',
        "12: audit.sinks.file[1].paht: unknown setting; expected one of path",
    ),
    (SEAL, f"{SEAL}\n[[audit.sinks.syslog]]\nport = 1", "7: audit.sinks.syslog[0].host: missing"),
    (
        SEAL,
        f'{SEAL}\n[[audit.sinks.syslog]]\nhost = "h"\ntls = "yes"',
        "9: audit.sinks.syslog[0].tls: expected `bool`, got `str`",
    ),
    (
        SEAL,
        f'{SEAL}\n[[audit.sinks.webhook]]\nurl = "https://h"\nsecret_file = 1',
        "9: audit.sinks.webhook[0].secret_file: expected a path, got `int`",
    ),
    (SEAL, f"{SEAL}\n[audit.sinks.kafka]", "7: audit.sinks.kafka: unknown setting; expected on"),
    (
        SEAL,
        f'{SEAL}\n[[audit.sinks.webhook]]\nurl = "siem.example"\nsecret_file = "s"',
        "8: audit.sinks.webhook[0].url: expected a URL, for example https",
    ),
    (
        SEAL,
        f'{SEAL}\n[[audit.sinks.syslog]]\nhost = "h"\nfacility = 24',
        "9: audit.sinks.syslog[0].facility: expected `int` <= 23",
    ),
    # not TOML
    ("workers = 2", "workers = 2\nworkers = 3", "2: Cannot overwrite a value"),
    ("[audit]", "[seal]\n[audit]", "7: Cannot declare ('seal',) twice"),
    ("workers = 2", "workers 2", "1: Expected '=' after a key"),
    ("workers = 2", f"workers = {'9' * 5000}", "15: Exceeds the limit"),
    ('"clients.pem"', '"clients.pem', "15: Illegal character"),
    ('"clients.pem"', '"""clients.pem', "15: Unterminated string"),
    ("workers = 2", f"workers = {'[' * 5000}", " nested too deeply"),
]


@pytest.mark.parametrize(("good", "bad", "told"), MISTAKES)
def test_a_mistake_is_named_with_its_line_and_what_is_expected(
    good: str, bad: str, told: str
) -> None:
    assert GOOD.count(good) >= 1
    with pytest.raises(ConfigurationError) as caught:
        parse(GOOD.replace(good, bad, 1), "k.toml")
    assert caught.value.message.startswith(f"k.toml:{told}")
    assert "\n" not in caught.value.message


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keystead.toml"
    path.write_text(GOOD, "utf-8")
    config = load(path)
    assert (config.workers, config.node) == (2, "kms-1")
    assert [each.host_port for each in config.listeners] == [("127.0.0.1", 8200), ("::1", 8201)]
    assert config.listeners[1].client_ca_file == Path("clients.pem")


@pytest.mark.parametrize(
    "seal",
    [
        'type = "static"\nkey_file = "seal.key"',
        'type = "static"\nkey_env = "SEAL_KEY"',
        f'{TRANSIT}\ntoken_file = "token"\nca_file = "ca.pem"',
        f'{TRANSIT}\ntoken_env = "TOKEN"\napi = "vault"\nmount = "kms"',
    ],
)
def test_every_seal_can_be_configured(seal: str) -> None:
    assert parse(GOOD.replace(SEAL, seal), "k.toml").seal.type in seal


def test_only_storage_audit_and_a_listener_are_needed() -> None:
    config = parse(
        'listeners = [{ address = "localhost:8200" }]\n'
        'storage.url = "postgresql://keystead@db/keystead?sslmode=verify-full"\n'
        'audit.path = "/var/lib/keystead/audit"\n',
        "k.toml",
    )
    assert (config.workers, config.seal.type) == (1, "shamir")


def test_the_url_and_its_password_are_not_in_the_message() -> None:
    bad = GOOD.replace("sqlite:///keystead.sqlite", "postgresql://u:hunter2@h:p/d")
    with pytest.raises(ConfigurationError) as caught:
        parse(bad, "k.toml")
    assert "hunter2" not in str(caught.value)


_BRACKETS = ["[", "]", "{", "}", "'", '"""', "`", "$", ".", "\r", "\u2028", "\\u0000"]
_WORDS = ["inf", "1979-05-27", " - at `$", "`$.seal`", "unknown field `", "audit.sinks.syslog"]
_PIECES = st.sampled_from([*re.findall(r"\S+|\s", GOOD), *_BRACKETS, *_WORDS])


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(_PIECES, max_size=30).map("".join)))
def test_no_text_raises_anything_but_a_configuration_error(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        parse(text, "k.toml")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_change_of_a_good_file_raises_anything_else(data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(begin, min(len(GOOD), begin + 40)))
    new = data.draw(st.one_of(st.text(max_size=9), _PIECES))
    with contextlib.suppress(ConfigurationError):
        parse(GOOD[:begin] + new + GOOD[end:], "k.toml")


@pytest.mark.parametrize("kind", ["typo", "latin-1", "missing", "folder"])
def test_the_server_does_not_start_with_a_bad_file_and_says_why(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "k.toml"
    if kind == "typo":
        path.write_text("wrokers = 1\n")
    elif kind == "latin-1":
        path.write_bytes(b'node = "\xe9"\n')
    elif kind == "folder":
        path.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "keystead", "server", "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    expected = {
        "typo": (1, f"keystead: {path}:1: wrokers: unknown setting; expected one of storage"),
        "latin-1": (1, f"keystead: {path}: the file is not UTF-8"),
        "missing": (1, f"keystead: {path}: No such file or directory"),
        "folder": (2, f"{path}' is a directory"),
    }[kind]
    assert done.returncode == expected[0]
    assert expected[1] in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


# --- the document -------------------------------------------------------------------------


def _settings(section: type, place: str = "") -> Iterator[str]:
    """Every setting as the document names it: ``storage.url``, ``listeners.address``."""
    for field in msgspec.structs.fields(section):
        inner = _section_in(field.type)
        name = f"{place}{field.name}"
        if inner is None:
            yield name
        else:
            yield from _settings(inner, f"{name}.")


def _section_in(hint: object) -> type | None:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    found = (_section_in(argument) for argument in getattr(hint, "__args__", ()))
    return next(filter(None, found), None)


def _documented() -> list[str]:
    """The first cell of every table's row, under its heading's table."""
    names: list[str] = []
    table = ""
    for line in DOCUMENT.read_text("utf-8").splitlines():
        if re.match("##+ ", line):
            heading = re.search(r"`\[+([a-z.]+)\]+`", line)
            table = f"{heading[1]}." if heading else ""
        elif row := re.match(r"\| `([a-z_]+)` \|", line):
            names.append(table + row[1])
    return names


def test_the_document_names_every_setting_once_and_no_other() -> None:
    assert sorted(_documented()) == sorted(_settings(Config))
