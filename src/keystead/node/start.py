"""From a command line or a configuration file to a running node."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from keystead.errors import CallOperator, ConfigurationError, KeysteadError

if TYPE_CHECKING:
    from keystead.node.config import Config, ListenerConfig
    from keystead.node.http_server import Tls
    from keystead.node.worker import Plan, Worker
    from keystead.telemetry.traces import Traces


log = logging.getLogger("keystead.start")

HOPELESS = 78
"""Exit code of a worker that cannot run until its configuration is changed (sysexits.h)."""


@dataclass(frozen=True, kw_only=True)
class DevOptions:
    """``keystead dev``. Without ``data`` everything is in a temporary folder.

    The AWS settings are for the AWS KMS door, which is not there yet.
    """

    listen: str = "127.0.0.1:8200"
    root_token: str | None = None
    data: Path | None = None
    aws_access_key: str | None = None
    aws_secret_key: str | None = None
    aws_account: str = "000000000000"
    aws_region: str = "us-east-1"


def harden() -> None:
    """No core dumps: they would hold keys. Files are for this user only.

    The descriptor of a standard stream that is closed would go to the next file that is
    opened, and messages meant for the stream into that file: all three are taken.
    """
    import resource

    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - for good
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)


def _run(plan: Plan) -> None:
    import uvloop

    from keystead.node.worker import run

    uvloop.run(run(plan))


# --- the development server -------------------------------------------------------------


def run_dev(options: DevOptions) -> None:
    """Run an unsealed single-node server until interrupted. Raises ConfigurationError."""
    harden()
    if options.data is not None:
        options.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        _run_dev_in(options, options.data)
        return
    with tempfile.TemporaryDirectory(prefix="keystead-dev-") as folder:
        _run_dev_in(options, Path(folder))


def _run_dev_in(options: DevOptions, folder: Path) -> None:
    from keystead.node.http_server import bind
    from keystead.node.worker import Plan
    from keystead.seal.dev import DevSeal

    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) >= 1 << 16:
        raise ConfigurationError(
            f"{options.listen} is not an address.", hint="For example 127.0.0.1:8200."
        )
    listener = bind(host.strip("[]"), int(port), shared=False)
    address = f"http://{host}:{listener.getsockname()[1]}"

    async def announce(worker: Worker) -> None:
        token = await _dev_token(worker, options, folder)
        _print_welcome(address, token, options)

    _run(
        Plan(
            storage_url=f"sqlite:///{folder / 'keystead.sqlite'}",
            audit_dir=folder / "audit",
            seal=DevSeal(folder / "root.key" if options.data else None),
            listeners=[(listener, None)],
            node="dev",
            on_ready=announce,
        )
    )


async def _dev_token(worker: Worker, options: DevOptions, folder: Path) -> str:
    """Initialize on the first start; return the root token, kept in the data folder."""
    from keystead.call import Call
    from keystead.gate import SERVER
    from keystead.operations.mounts import CreateMount
    from keystead.operations.system import Initialize

    kept = folder / "root.token"
    token = options.root_token
    if not worker.house.seal.initialized:
        made = await worker.gate.perform(Initialize(shares=1, threshold=1), Call(door="internal"))
        store = CreateMount(path="secret", type="kv-v2", description="key/value secret storage")
        await worker.gate.perform_as(SERVER, store)
        token = token or made.root_token
    elif token is None and kept.exists():
        token = kept.read_text().strip()
    if token is None:
        token = f"dev-{secrets.token_urlsafe(16)}"
    issued = await worker.house.store.write(
        lambda tx: worker.house.authenticator.issue_root(tx, token=token)
    )
    await worker.house.feed.catch_up()
    kept.write_text(issued)
    return issued


def _print_welcome(address: str, token: str, options: DevOptions) -> None:
    program = _program()
    lines = [
        "",
        "Keystead development server, unsealed. Do not keep anything in it that matters.",
        "",
        f"  address      {address}",
        f"  root token   {token}",
        f"  data         {options.data or 'in a temporary folder, gone when this stops'}",
        f"  API          {address}/api/v1/docs",
        "",
        "In another terminal:",
        "",
        f"  export KEYSTEAD_ADDR={address} KEYSTEAD_TOKEN={token}",
        f"  {program} key create orders",
        f"  echo 'hello' | {program} encrypt orders | {program} decrypt",
        "",
    ]
    if options.aws_access_key:
        lines.insert(-1, "The AWS KMS door is not there yet: the AWS settings have no effect.\n")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _program() -> str:
    """How to call this program from the folder it was started in."""
    if shutil.which("keystead"):
        return "keystead"
    beside = Path(sys.executable).parent / "keystead"
    return os.path.relpath(beside) if beside.exists() else f"{sys.executable} -m keystead"


# --- the server -------------------------------------------------------------------------


def run_server(path: Path) -> None:
    """Run a node as its configuration file says. Raises ConfigurationError."""
    from keystead.node.config import load

    harden()
    config = load(path)
    _start_logging(config)
    _warn_of_plain_listeners(config)
    # Here, so that a mistake is told once and not by each worker.
    config.audit.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    tls = [_tls(listener) for listener in config.listeners]
    if config.workers > 1:
        from keystead.node.supervisor import Supervisor

        Supervisor(config, path).run()
        return
    from keystead.node.http_server import bind

    sockets = [bind(*listener.host_port, shared=False) for listener in config.listeners]
    _run(_plan(config, list(zip(sockets, tls, strict=True))))


def _warn_of_plain_listeners(config: Config) -> None:
    for listener in config.listeners:
        host, _ = listener.host_port
        if listener.tls_cert_file is None and not _is_loopback(host):
            log.warning(
                "tokens and plaintexts cross the network in clear on %s: set tls_cert_file",
                listener.address,
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _plan(config: Config, listeners: list[tuple[socket.socket, Tls | None]]) -> Plan:
    from keystead.node.worker import Plan
    from keystead.seal import open_seal

    return Plan(
        storage_url=config.storage.url,
        audit_dir=config.audit.path,
        seal=open_seal(config.seal),
        listeners=listeners,
        node=config.node,
        workers=config.workers,
        sinks=config.audit.sinks,
        traces=_traces(config),
        max_body_bytes=config.limits.max_body_bytes,
    )


def _tls(listener: ListenerConfig) -> Tls | None:
    from keystead.node.http_server import Tls

    if listener.tls_cert_file is None or listener.tls_key_file is None:
        return None
    tls = Tls(listener.tls_cert_file, listener.tls_key_file, listener.client_ca_file)
    tls.context()
    return tls


def _traces(config: Config) -> Traces | None:
    if not config.telemetry.otlp_endpoint:
        return None
    from keystead.telemetry.traces import Traces

    endpoint = config.telemetry.otlp_endpoint.rstrip("/") + "/v1/traces"
    return Traces(endpoint, node=config.node)


def _start_logging(config: Config) -> None:
    from keystead.telemetry.logs import set_up_logs

    set_up_logs(config.telemetry.log_format, config.telemetry.log_level.upper())


# --- one worker of several --------------------------------------------------------------


def run_worker(arguments: list[str]) -> None:
    """Run one worker with what its supervisor handed over as file descriptors."""
    from dataclasses import replace

    from keystead.node.config import load
    from keystead.node.siblings import Siblings
    from keystead.services.feed import Board

    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--run-dir", type=Path, required=True)
    for name in ("slot", "board", "inbox"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("outboxes", "listeners"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args(arguments)
    harden()
    config = load(given.config)
    _start_logging(config)
    sockets = [socket.socket(fileno=int(fd)) for fd in given.listeners.split(",")]
    listeners = [
        (listening, _tls(listener))
        for listening, listener in zip(sockets, config.listeners, strict=True)
    ]
    outboxes = [socket.socket(fileno=int(fd)) for fd in given.outboxes.split(",")]
    plan = replace(
        _plan(config, listeners),
        slot=given.slot,
        board=Board.shared(given.board, config.workers, given.slot),
        siblings=Siblings(given.slot, socket.socket(fileno=given.inbox), outboxes),
        audit_socket=given.run_dir / "audit.sock",
        metrics_dir=given.run_dir,
    )
    _run(plan)


def _main() -> int:
    """Exit code 1: may be tried again. ``HOPELESS``: only the operator can mend it."""
    try:
        run_worker(sys.argv[1:])
    except (KeysteadError, OSError) as error:
        message = error.message if isinstance(error, KeysteadError) else str(error)
        hint = getattr(error, "hint", "")
        sys.stderr.write(f"keystead: {message}\n" + (f"  hint: {hint}\n" if hint else ""))
        return HOPELESS if isinstance(error, CallOperator) else 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
