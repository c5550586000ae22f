"""MySQL and MariaDB, through PyMySQL."""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

import pymysql
from pymysql.constants import CLIENT, CR, ER

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

_URL = re.compile(
    r"(?:(?P<user>[^:@/]*)(?::(?P<password>.*))?@)?"
    r"(?:(?P<net>[a-z]+)(?:\((?P<address>[^()]*)\))?)?"
    r"/(?P<database>[^?/]*)(?:\?(?P<parameters>.*))?",
    re.DOTALL,
)
_LOST: Final = frozenset(
    {0, CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST, CR.CR_CONN_HOST_ERROR, CR.CR_CONNECTION_ERROR}
)
_LOGIN_REFUSED: Final = frozenset({ER.ACCESS_DENIED_ERROR})


class MySQL:
    """Accounts are users at any host. Statements that define users commit by themselves, so
    what is half made is undone by revoking it."""

    rotate_root = ["ALTER USER '{{username}}'@'%' IDENTIFIED BY '{{password}}'"]
    rotate_account = ["ALTER USER '{{username}}'@'%' IDENTIFIED BY '{{password}}'"]

    def __init__(self, *, short_names: bool = False) -> None:
        """``short_names``: at most 16 characters, as MySQL 5.6 wants."""
        cut, most = (4, 16) if short_names else (10, 32)
        self.username_template = (
            f'{{{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate {cut})'
            f" (.RoleName | truncate {cut}) (random 20) (unix_time) | truncate {most} }}}}"
        )

    def open(self, target: Target) -> Session:
        """Connect by a DSN as the Go driver has it: ``user:password@tcp(host:port)/db?tls=…``."""
        settings = _settings(target)
        try:
            connection = pymysql.connect(**settings)
        except pymysql.err.MySQLError as error:
            code, text = _code(error), redact(str(error.args[-1]), (target.password,))
            if code in _LOGIN_REFUSED:
                raise LoginRefused(text) from None
            raise UpstreamUnavailable(f"failed to connect: {text}") from None
        except (OSError, ssl.SSLError, ValueError) as error:
            raise UpstreamUnavailable(f"failed to connect: {type(error).__name__}") from None
        return _Session(connection)


class _Session:
    def __init__(self, connection: pymysql.Connection[Any]) -> None:
        self._connection = connection

    def alive(self) -> bool:
        try:
            self._connection.ping(reconnect=False)
        except (pymysql.err.MySQLError, OSError):
            return False
        return True

    def is_open(self) -> bool:
        socket = self._connection._sock  # type: ignore[attr-defined]  # nothing public tells
        return socket is not None and is_silent(socket.fileno())

    def close(self) -> None:
        with contextlib.suppress(pymysql.err.MySQLError, OSError):
            self._connection.close()

    def run(self, statements: list[str], secrets: tuple[str, ...] = ()) -> None:
        with self._told(secrets), self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                while cursor.nextset():
                    pass

    def prolong(self, username: str, expiration: str) -> None:
        """Users do not expire here."""

    def drop(self, username: str) -> None:
        """First the users go, so that nobody can log in, then their sessions."""
        with self._told(), self._connection.cursor() as cursor:
            for host in self._hosts(cursor, username):
                cursor.execute("DROP USER IF EXISTS %s@%s", (username, host))
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE user = %s", (username,)
            )
            for (thread,) in cursor.fetchall():
                _kill(cursor, int(thread))

    def verifier(self, username: str, password: str, method: str) -> str:
        return password

    def _hosts(self, cursor: Any, username: str) -> list[str]:
        """Where the user may come from; anywhere, if that may not be asked."""
        try:
            cursor.execute("SELECT Host FROM mysql.user WHERE User = %s", (username,))
        except pymysql.err.OperationalError:
            return ["%"]
        return [str(host) for (host,) in cursor.fetchall()]

    @contextlib.contextmanager
    def _told(self, secrets: tuple[str, ...] = ()) -> Iterator[None]:
        """Turn what PyMySQL raises into Keystead's errors."""
        try:
            yield
        except pymysql.err.MySQLError as error:
            code = _code(error)
            if code in _LOST or isinstance(error, pymysql.err.InterfaceError):
                self.close()
                raise UpstreamUnavailable("the connection to the database was lost") from None
            raise _refused(code, error, secrets) from None
        except OSError:
            self.close()
            raise UpstreamUnavailable("the connection to the database was lost") from None


def _kill(cursor: Any, thread: int) -> None:
    """End a session, unless it has ended by itself."""
    try:
        cursor.execute("KILL CONNECTION %s", (thread,))
    except pymysql.err.MySQLError as error:
        if _code(error) != ER.NO_SUCH_THREAD:
            raise


def _code(error: pymysql.err.MySQLError) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def _refused(code: int, error: pymysql.err.MySQLError, secrets: tuple[str, ...]) -> KeysteadError:
    message = redact(str(error.args[-1]) if error.args else "", secrets)
    if secrets and code == ER.PARSE_ERROR:
        message = "syntax error"  # MySQL's words quote the statement, and cut it off anywhere
    return InvalidRequest(f"the database refused: {message} (error {code})", error=code)


def _settings(target: Target) -> dict[str, Any]:
    """PyMySQL's settings; raises InvalidRequest for a text that is no DSN."""
    found = _URL.fullmatch(target.url)
    if found is None:
        raise InvalidRequest("invalid connection_url", field="connection_url")
    values = {"{{username}}": target.username, "{{password}}": target.password}
    user, password = found["user"] or target.username, found["password"] or ""
    settings: dict[str, Any] = {
        "user": values.get(user, user),
        "password": values.get(password, password) or target.password,
        "database": found["database"] or None,
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": STATEMENT_SECONDS,
        "write_timeout": STATEMENT_SECONDS,
        "client_flag": CLIENT.MULTI_STATEMENTS,
        "autocommit": True,
        "charset": "utf8mb4",
        "program_name": "keystead",
        "local_infile": False,
    }
    settings |= _address(found["net"] or "tcp", found["address"] or "")
    parameters = dict(parse_qsl(found["parameters"] or ""))
    return settings | _tls(parameters.get("tls", "false").lower(), target)


def _address(net: str, address: str) -> dict[str, Any]:
    if net == "unix":
        return {"unix_socket": address or "/tmp/mysql.sock"}  # noqa: S108 - MySQL's default
    if net != "tcp":
        raise InvalidRequest(f"connection_url: unknown network {net}", field="connection_url")
    host, colon, port = address.rpartition(":") if not address.endswith("]") else (address, "", "")
    if not colon:
        host, port = address, "3306"
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise InvalidRequest("connection_url: invalid port", field="connection_url")
    return {"host": host.strip("[]") or "127.0.0.1", "port": int(port)}


def _tls(mode: str, target: Target) -> dict[str, Any]:
    """TLS if the DSN asks for it, or there is an authority to check against."""
    wanted = mode in ("true", "custom", "skip-verify", "preferred") or bool(target.tls_ca)
    if not wanted:
        return {"ssl_disabled": True}
    try:
        context = ssl.create_default_context(cadata=target.tls_ca or None)
    except (ssl.SSLError, ValueError):
        raise InvalidRequest("tls_ca is not a certificate", field="tls_ca") from None
    if target.tls_skip_verify or mode in ("skip-verify", "preferred"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}
