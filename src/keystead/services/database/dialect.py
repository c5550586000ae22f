"""What Keystead must be able to do at any database, whichever its language."""

from __future__ import annotations

import functools
import select
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Target:
    """Where a database is and as whom to log in. TLS material is PEM."""

    url: str
    username: str
    password: str = field(repr=False)
    disable_escaping: bool = False
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_private_key: str = field(default="", repr=False)
    tls_server_name: str = ""
    tls_skip_verify: bool = False


class LoginRefused(Exception):
    """The database is there, but does not take this username and password."""


class Session(Protocol):
    """One connection; used by one thread at a time.

    Methods raise InvalidRequest for what the database refuses, and UpstreamUnavailable when
    it does not answer: then the session is of no more use. No message repeats a secret.
    """

    def alive(self) -> bool:
        """Whether the connection still works; asks the database."""

    def is_open(self) -> bool:
        """Whether the database has not closed the connection; asks nobody."""

    def close(self) -> None:
        """Close the connection; never raises."""

    def run(self, statements: list[str], secrets: tuple[str, ...] = ()) -> None:
        """Run statements, all or none where the database can do that."""

    def prolong(self, username: str, expiration: str) -> None:
        """Have an account hold longer, where accounts expire by themselves."""

    def drop(self, username: str) -> None:
        """Take an account's rights, end its sessions and drop it; nothing if there is none."""

    def verifier(self, username: str, password: str, method: str) -> str:
        """What to give the database for a password, by the setting
        ``password_authentication``."""


class Dialect(Protocol):
    """One database's language. Templates as in ``usernames`` and ``statements``."""

    username_template: str
    rotate_root: list[str]
    rotate_account: list[str]

    def open(self, target: Target) -> Session:
        """Connect; raises InvalidRequest for a URL that is none, LoginRefused, or
        UpstreamUnavailable."""


def is_silent(descriptor: int) -> bool:
    """Whether nothing has come in: what is idle and hears something has been closed."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP | select.POLLERR)
    return not poll.poll(0)


@functools.cache
def by_plugin() -> Mapping[str, Dialect]:
    """Dialects by Vault's names for them; those whose driver is not installed are missing."""
    found: dict[str, Dialect] = {}
    try:
        from keystead.services.database.postgresql import PostgreSQL

        found["postgresql-database-plugin"] = PostgreSQL()
    except ImportError:
        pass
    try:
        from keystead.services.database.mysql import MySQL

        found["mysql-database-plugin"] = MySQL()
        for variant in ("aurora", "rds", "legacy"):
            found[f"mysql-{variant}-database-plugin"] = MySQL(short_names=True)
    except ImportError:
        pass
    return found
