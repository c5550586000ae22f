"""The texts that databases are configured with: names, schedules, statements, URLs."""

from __future__ import annotations

import datetime as dt

import pytest

from keystead.errors import InvalidRequest
from keystead.services.database.configs import masked
from keystead.services.database.dialect import Target, by_plugin
from keystead.services.database.mysql import _settings as mysql_settings
from keystead.services.database.postgresql import _settings as postgres_settings
from keystead.services.database.schedule import parse
from keystead.services.database.secrets import new_password, new_rsa_key
from keystead.services.database.statements import fill, redact
from keystead.services.database.usernames import make_username

# --- usernames ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("{{.RoleName}}", "read-only"),
        ("{{ .DisplayName | uppercase }}_x", "TOKEN-ALICE_x"),
        ('{{ printf "v-%s-%d" (.RoleName | truncate 4) (unix_time) }}', "v-read-1700000000"),
        ("{{ .RoleName | replace `-` `_` }}", "read_only"),
        ("{{ .RoleName | truncate_sha256 9 }}", "read-only"),
        ('{{ "abc" | sha256 | truncate 8 }}', "ba7816bf"),
        ('{{ "abc" | base64 }}', "YWJj"),
        ("{{ unix_time_millis }}", "1700000000500"),
        ("{{- .RoleName -}}", "read-only"),
        ('{{ printf "%s%%" "a\\"b" }}', 'a"b%'),
    ],
)
def test_a_template_yields_a_name(template: str, expected: str) -> None:
    assert make_username(template, "token-alice", "read-only", 1_700_000_000.5) == expected


@pytest.mark.parametrize("plugin", sorted(by_plugin()))
def test_names_by_default_are_as_vaults(plugin: str) -> None:
    template = by_plugin()[plugin].username_template
    name = make_username(template, "userpass-alice", "readonly-for-reports", 1_700_000_000)
    other = make_username(template, "userpass-alice", "readonly-for-reports", 1_700_000_000)
    most = {"postgresql-database-plugin": 63, "mysql-database-plugin": 32}.get(plugin, 16)
    assert name.startswith("v-userp" if most > 16 else "v-user-")
    assert len(name) <= most
    assert name != other


def test_what_callers_are_called_cannot_break_out_of_a_name() -> None:
    name = make_username("{{.DisplayName}}", "x'; DROP ROLE admin; --", "r", 0)
    assert name == "x---DROP-ROLE-admin----"


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{{",
        "{{ nothing }}",
        "{{ .Nothing }}",
        "{{ random }}",
        "{{ random 100000 }}",
        '{{ random "x" }}',
        '{{ printf "%s" }}',
        '{{ printf "%s" 1 2 }}',
        "{{ (unix_time }}",
        "{{ unix_time) }}",
        "{{ | }}",
        "{{ 1 2 }}",
        "{{ $x }}",
        '{{ "abc }}',
        "x" * 2000,
    ],
)
def test_a_template_that_is_not_understood_is_refused(template: str) -> None:
    with pytest.raises(InvalidRequest):
        make_username(template, "a", "b", 0)


# --- schedules ----------------------------------------------------------------------------


def _at(text: str) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize(
    ("schedule", "now", "then"),
    [
        ("* * * * *", "2026-11-24T10:00:00", "2026-11-24T10:01:00"),
        ("0 0 * * *", "2026-11-24T10:00:00", "2026-11-25T00:00:00"),
        ("@daily", "2026-11-24T00:00:00", "2026-11-25T00:00:00"),
        ("0 0 * * SAT", "2026-11-24T10:00:00", "2026-11-28T00:00:00"),
        ("30 3 * * 7", "2026-11-24T10:00:00", "2026-11-29T03:30:00"),
        ("*/20 8-10 * * *", "2026-11-24T10:05:00", "2026-11-24T10:20:00"),
        ("*/20 8-10 * * *", "2026-11-24T10:45:00", "2026-11-25T08:00:00"),
        ("0 12 29 2 *", "2026-11-24T10:00:00", "2028-02-29T12:00:00"),
        ("0 0 1,15 * MON", "2026-11-24T10:00:00", "2026-11-30T00:00:00"),
        ("0 0 1 jan-mar *", "2026-11-24T10:00:00", "2027-01-01T00:00:00"),
        ("5/25 * * * *", "2026-11-24T10:06:00", "2026-11-24T10:30:00"),
    ],
)
def test_a_schedule_names_the_next_minute_that_fits(schedule: str, now: str, then: str) -> None:
    assert parse(schedule).next_after(_at(now)) == _at(then)


@pytest.mark.parametrize(
    "schedule",
    ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "x * * * *",
     "*/0 * * * *", "5-3 * * * *", "1, * * * *", "* * * foo *", "- * * * *", "٣ * * * *"],
)  # fmt: skip
def test_a_schedule_that_is_none_is_refused(schedule: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(schedule)


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        parse("0 0 30 2 *").next_after(0)


# --- statements ---------------------------------------------------------------------------


def test_places_in_statements_are_filled_and_empty_ones_left_out() -> None:
    assert fill(["A {{name}} {{name}}", " ; ", ""], {"name": "x"}) == ["A x x"]


@pytest.mark.parametrize("value", ["a'b", 'a"b', "a`b", "a\\b", "a;b", "a\nb", "a\0b"])
def test_a_value_that_could_be_more_than_a_value_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest):
        fill(["X '{{name}}'"], {"name": value})


def test_secrets_are_cut_out_of_messages() -> None:
    assert redact("near\n 'hunter2' here", ["hunter2", ""]) == "near '[secret]' here"


def test_passwords_have_every_sort_of_character_and_fit_into_sql() -> None:
    for password in (new_password() for _ in range(200)):
        assert len(password) == 20
        assert any(c.islower() for c in password)
        assert any(c.isupper() for c in password)
        assert any(c.isdigit() for c in password)
        assert "-" in password
        fill(["{{password}}"], {"password": password})


def test_an_rsa_key_comes_with_its_public_half() -> None:
    made = new_rsa_key({"key_bits": "2048"})
    assert made.secret.startswith("-----BEGIN PRIVATE KEY-----")
    assert made.public_key.startswith("-----BEGIN PUBLIC KEY-----")
    assert made.secret not in repr(made)
    with pytest.raises(InvalidRequest):
        new_rsa_key({"key_bits": "512"})


# --- URLs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://{{username}}:{{password}}@h/db", "postgresql://{{username}}:{{password}}@h/db"),
        ("postgresql://u:pw:@x@h:1/db", "postgresql://u:*****@h:1/db"),
        ("u:p@ss@tcp(h:3306)/", "u:*****@tcp(h:3306)/"),
        ("host=h user=u password=geheim dbname=d", "host=h user=u password=***** dbname=d"),
        ("host=h password='ge heim' user=u", "host=h password=***** user=u"),
        ("postgresql://h/db?user=u&password=pw&x=y", "postgresql://h/db?user=u&password=*****&x=y"),
    ],
)  # fmt: skip
def test_a_password_inside_a_url_is_not_shown(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_what_stands_for_a_password_is_escaped_as_the_url_needs_it() -> None:
    secret = "p@ss/w:rd'\\ x"
    for url in ("postgresql://{{username}}:{{password}}@h:5/db", "host=h password={{password}}"):
        settings = postgres_settings(Target(url, "us er", secret))
        assert settings["password"] == secret
        assert settings["user"] == "us er"
    settings = mysql_settings(Target("{{username}}:{{password}}@tcp(h:33)/db", "u", secret))
    assert (settings["user"], settings["password"], settings["port"]) == ("u", secret, 33)


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("{{username}}:{{password}}@tcp(127.0.0.1:3306)/", {"host": "127.0.0.1", "port": 3306}),
        ("{{username}}:{{password}}@tcp([::1]:3307)/db", {"host": "::1", "port": 3307}),
        ("{{username}}:{{password}}@tcp(db)/x?parseTime=true", {"host": "db", "database": "x"}),
        ("{{username}}:{{password}}@unix(/run/my.sock)/", {"unix_socket": "/run/my.sock"}),
        ("{{username}}:{{password}}@tcp(h:1)/", {"ssl_disabled": True}),
    ],
)
def test_a_dsn_of_the_go_driver_is_understood(dsn: str, expected: dict[str, object]) -> None:
    settings = mysql_settings(Target(dsn, "u", "p"))
    assert settings | expected == settings


@pytest.mark.parametrize(
    "dsn", ["", "nonsense", "u:p@tcp(h:99999)/", "u:p@pipe(x)/", "u@tcp(h:x)/"]
)
def test_a_dsn_that_is_none_is_refused(dsn: str) -> None:
    with pytest.raises(InvalidRequest):
        mysql_settings(Target(dsn, "u", "p"))


@pytest.mark.parametrize(
    "url",
    ["postgresql://h/db?nonsense=1", "x=y", "postgresql://h/?passfile=/etc/x",
     "service=other", "postgresql://[::1", "host='"],
)  # fmt: skip
def test_a_url_that_is_none_or_reads_others_files_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        by_plugin()["postgresql-database-plugin"].open(Target(url, "u", "p"))
