"""PostgreSQL, through psycopg."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from keystead.errors import InvalidRequest, KeysteadError, UpstreamUnavailable
from keystead.services.database.dialect import (
    CONNECT_SECONDS,
    STATEMENT_SECONDS,
    LoginRefused,
    Session,
    Target,
    is_silent,
)
from keystead.services.database.statements import redact

_FORBIDDEN: Final = ("passfile", "service", "servicefile")
"""Settings that make libpq read what other programs keep on this host."""

_SYNTAX_ERROR: Final = "42601"
_WAIT_FOR_SESSIONS_MS: Final = 5_000


class PostgreSQL:
    """Accounts are roles; statements of one act run in one transaction."""

    username_template = (
        '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 8) (.RoleName | truncate 8)'
        " (random 20) (unix_time) | truncate 63 }}"
    )
    rotate_root = ["ALTER ROLE \"{{username}}\" WITH PASSWORD '{{password}}';"]
    rotate_account = ["ALTER ROLE \"{{username}}\" WITH PASSWORD '{{password}}';"]

    def open(self, target: Target) -> Session:
        """Connect by URL or by key=value settings."""
        secrets = (target.password, quote(target.password, safe=""))
        with _pem_files(target) as files:
            settings = _settings(target) | files
            try:
                connection = psycopg.connect(**settings, autocommit=True)
            except psycopg.OperationalError as error:
                text = redact(str(error), secrets)
                # libpq gives no code here: the server's own words are all there is.
                if "authentication failed" in text or "no password supplied" in text:
                    raise LoginRefused(text) from None
                raise UpstreamUnavailable(f"failed to connect: {text}") from None
            except psycopg.Error as error:
                raise InvalidRequest(redact(str(error), secrets)) from None
        return _Session(connection)


class _Session:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def alive(self) -> bool:
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def is_open(self) -> bool:
        return not self._connection.closed and is_silent(self._connection.fileno())

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._connection.close()

    def run(self, statements: list[str], secrets: tuple[str, ...] = ()) -> None:
        with self._told(secrets), self._connection.transaction():
            for statement in statements:
                # Without parameters an entry may hold several statements.
                self._connection.execute(statement.encode())

    def prolong(self, username: str, expiration: str) -> None:
        with self._told():
            self._execute("ALTER ROLE {} VALID UNTIL {}", username, sql.Literal(expiration))

    def drop(self, username: str) -> None:
        """First nobody can log in any more, then sessions end, then the role goes.

        What it owns goes to Keystead's own role: revoking a credential loses no data.
        """
        with self._told():
            try:
                self._execute("ALTER ROLE {} NOLOGIN", username)
            except psycopg.errors.UndefinedObject:
                return
            self._end_sessions(username)
            with self._connection.transaction():
                self._take_over(username)
                self._execute("DROP OWNED BY {}", username)
                self._execute("DROP ROLE IF EXISTS {}", username)

    def verifier(self, username: str, password: str, method: str) -> str:
        if method != "scram-sha-256":
            return password
        made = self._connection.pgconn.encrypt_password(
            password.encode(), username.encode(), b"scram-sha-256"
        )
        return made.decode()

    def _end_sessions(self, username: str) -> None:
        """End the role's sessions, and wait until they have ended: PostgreSQL 14 and later."""
        self._connection.execute(
            "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE usename = %s",
            (_WAIT_FOR_SESSIONS_MS, username),
        )

    def _take_over(self, username: str) -> None:
        """Take what the role owns. Who is no superuser must be a member of it for that."""
        try:
            with self._connection.transaction():
                self._execute("REASSIGN OWNED BY {} TO CURRENT_USER", username)
        except psycopg.errors.InsufficientPrivilege:
            self._execute("GRANT {} TO CURRENT_USER", username)
            self._execute("REASSIGN OWNED BY {} TO CURRENT_USER", username)

    def _execute(self, statement: str, role: str, *values: sql.Composable) -> None:
        query = sql.SQL(statement).format(sql.Identifier(role), *values)
        self._connection.execute(query)

    @contextlib.contextmanager
    def _told(self, secrets: tuple[str, ...] = ()) -> Iterator[None]:
        """Turn what psycopg raises into Keystead's errors."""
        try:
            yield
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if not self._connection.closed and error.sqlstate:
                raise _refused(error, secrets) from None
            self.close()
            raise UpstreamUnavailable("the connection to the database was lost") from None
        except psycopg.Error as error:
            raise _refused(error, secrets) from None


def _refused(error: psycopg.Error, secrets: tuple[str, ...]) -> KeysteadError:
    state = error.sqlstate or ""
    message = error.diag.message_primary or type(error).__name__
    if secrets and state == _SYNTAX_ERROR:
        message = "syntax error"  # PostgreSQL's words may quote a piece of a secret
    return InvalidRequest(
        f"the database refused: {redact(message, secrets)} (SQLSTATE {state})", sqlstate=state
    )


def _settings(target: Target) -> dict[str, Any]:
    """libpq's settings; raises InvalidRequest for text that holds none."""
    escape = _as_it_is if target.disable_escaping else _escape_for(target.url)
    url = target.url.replace("{{username}}", escape(target.username))
    url = url.replace("{{password}}", escape(target.password))
    try:
        settings = conninfo_to_dict(url)
    except (psycopg.Error, UnicodeError, ValueError):
        raise InvalidRequest("invalid connection_url", field="connection_url") from None
    for name in _FORBIDDEN:
        if name in settings:
            raise InvalidRequest(f"connection_url cannot set {name}", field="connection_url")
    for name, value in (("user", target.username), ("password", target.password)):
        if value and name not in settings:
            settings[name] = value
    if target.tls_server_name:
        settings["sslsni"] = "1"
    if target.tls_ca and "sslmode" not in settings:
        settings["sslmode"] = "verify-full"
    options = f"{settings.get('options', '')} -c statement_timeout={STATEMENT_SECONDS * 1000}"
    return settings | {
        "application_name": settings.get("application_name", "keystead"),
        "connect_timeout": settings.get("connect_timeout", CONNECT_SECONDS),
        "tcp_user_timeout": STATEMENT_SECONDS * 1000,
        "options": options.strip(),
    }


def _escape_for(url: str) -> Any:
    return _escape_in_url if "://" in url else _escape_in_settings


def _escape_in_url(text: str) -> str:
    return quote(text, safe="")


def _escape_in_settings(text: str) -> str:
    """For key=value settings; the quotes around it are part of it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _as_it_is(text: str) -> str:
    return text


@contextlib.contextmanager
def _pem_files(target: Target) -> Iterator[dict[str, str]]:
    """libpq reads TLS material from files: give it some that are in memory only."""
    wanted = {
        "sslrootcert": target.tls_ca,
        "sslcert": target.tls_certificate,
        "sslkey": target.tls_private_key,
    }
    with contextlib.ExitStack() as opened:
        files = {}
        for name, pem in wanted.items():
            if pem:
                file = opened.enter_context(os.fdopen(os.memfd_create(name), "wb"))
                os.fchmod(file.fileno(), 0o600)
                file.write(pem.encode())
                file.flush()
                files[name] = f"/proc/self/fd/{file.fileno()}"
        yield files
