"""``keystead``: finds the command, runs it, and turns errors into words and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, NoReturn

import click

from keystead import __version__
from keystead.cli.command import Entry, LazyGroup
from keystead.cli.exit_codes import BROKEN_PIPE, ERROR, INTERRUPTED, MEANINGS, exit_code
from keystead.errors import KeysteadError

SECTIONS = {
    "Server": {
        "dev": Entry("server", "dev", "Start a development server."),
        "server": Entry("server", "server", "Start a server from a configuration file."),
        "status": Entry("system", "status", "Show whether the server is unsealed."),
        "init": Entry("system", "init", "Initialize a new server."),
        "unseal": Entry("system", "unseal", "Give one unseal share."),
        "seal": Entry("system", "seal", "Seal the server."),
        "operator": Entry("operator", "operator", "Rekey, make a root token, rotate the keyring."),
    },
    "Keys": {
        "key": Entry("key", "key", "Create, import, rotate and destroy keys."),
        "encrypt": Entry("use", "encrypt", "Encrypt standard input."),
        "decrypt": Entry("use", "decrypt", "Decrypt standard input; needs no key name."),
        "rewrap": Entry("use", "rewrap", "Encrypt again with a key's primary version."),
        "file": Entry("file", "file", "Encrypt and decrypt files of any size."),
        "sign": Entry("use", "sign", "Sign standard input."),
        "verify": Entry("use", "verify", "Verify a signature of standard input."),
        "mac": Entry("use", "mac", "Compute the MAC of standard input."),
        "verify-mac": Entry("use", "verify_mac", "Verify a MAC of standard input."),
        "datakey": Entry("secret", "datakey", "Make a data key under a key."),
        "datakey-pair": Entry("secret", "datakey_pair", "Make a key pair under a key."),
        "wrap": Entry("secret", "wrap", "Wrap key material under a key."),
        "unwrap": Entry("secret", "unwrap", "Unwrap key material."),
        "derive": Entry("secret", "derive", "Derive a key from a key."),
        "agree": Entry("secret", "agree", "Agree on a secret with a peer's public key."),
        "encapsulate": Entry("secret", "encapsulate", "Make and encapsulate a shared secret."),
        "decapsulate": Entry("secret", "decapsulate", "Recover an encapsulated secret."),
        "random": Entry("secret", "random", "Print random bytes from the server."),
    },
    "Secrets": {
        "secret": Entry("secrets", "secret", "Keep values such as passwords, in versions."),
        "mount": Entry("mount", "mount", "Where secrets engines and log-in methods answer."),
        "database": Entry("database", "database", "Accounts at databases, for a time or kept."),
        "lease": Entry("lease", "lease", "What was given out for a time."),
    },
    "Who may do what": {
        "login": Entry("login", "login", "Log in and keep the token for later commands."),
        "logout": Entry("login", "logout", "Revoke the kept token and delete it."),
        "token": Entry("token", "token", "Create, look up, renew and revoke tokens."),
        "policy": Entry("policy", "policy", "Write policies, and ask why they decide so."),
        "user": Entry("user", "user", "Users that log in with a password."),
        "approle": Entry("approle", "approle", "Applications that log in with an identifier."),
        "certificate-role": Entry(
            "certificate_role", "certificate_role", "Who logs in with a TLS certificate."
        ),
        "jwt": Entry("jwt", "jwt", "Who logs in with a token of another issuer, or a browser."),
        "kubernetes": Entry("kubernetes", "kubernetes", "Who logs in with a service account."),
        "role": Entry("role", "role", "Roles, which policies speak of."),
        "group": Entry("group", "group", "Groups of principals that share roles."),
        "namespace": Entry("namespace", "namespace", "Tenants, each under a key of its own."),
    },
    "What was done": {
        "audit": Entry("audit", "audit", "Query, prove and verify the audit log."),
    },
    "Moving in": {
        "migrate": Entry("migrate", "migrate", "Copy from a live Vault or OpenBao."),
    },
    "This program": {
        "call": Entry("call", "call", "Ask for any operation of the API by its name."),
        "completion": Entry("completion", "completion", "Print the completion script of a shell."),
    },
}


class Root(LazyGroup):
    """The whole command line; its help ends with the exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # or click would make it exit code 1
            ctx.exit(_reader_gone())

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in MEANINGS.items()])


@click.command(cls=Root, sections=SECTIONS, context_settings={"max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="keystead")
def cli() -> None:
    """Keystead guards keys: they stay in the server, which encrypts and signs for you.

    \b
    keystead dev                                 start a server to try things on
    keystead key create orders                   make a key
    echo secret | keystead encrypt orders        use it

    Secrets are read from standard input, a file or a prompt, never from an argument.
    """


def main() -> NoReturn:
    """Run a command line and exit; see ``exit_codes`` for the codes."""
    sys.exit(_run())


def _run() -> int:
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that files are tidied up
        code = cli.main(prog_name="keystead", standalone_mode=False)
        sys.stdout.flush()
    except KeysteadError as error:
        return _tell(error)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        click.echo(f"keystead: {error.strerror or error}{where}", err=True)
        return ERROR
    return code if isinstance(code, int) else 0


def _reader_gone() -> int:
    """Keep what is still buffered from failing again when Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _tell(error: KeysteadError) -> int:
    click.echo(f"keystead: {error.message}", err=True)
    details: dict[str, Any] = dict(error.details)
    for name in ("sent", "status", "retry_after_seconds", "type"):
        details.pop(name, None)
    if details:
        click.echo(
            "  " + ", ".join(f"{name}: {value}" for name, value in details.items()), err=True
        )
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)
    return exit_code(error)
