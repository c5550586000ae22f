"""``keystead dev`` and ``keystead server``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--listen", default="127.0.0.1:8200", show_default=True, metavar="HOST:PORT")
@click.option("--root-token", metavar="TOKEN", help="Root token to use, for test suites.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything here; without it, in a temporary folder.",
)
@click.option("--aws-access-key", metavar="ID", help="For the AWS KMS door.")
@click.option("--aws-secret-key", metavar="SECRET", help="For the AWS KMS door.")
@click.option("--aws-account", default="000000000000", show_default=True)
@click.option("--aws-region", default="us-east-1", show_default=True)
def dev(**given: Any) -> None:
    """Start a development server, unsealed, on this machine only.

    It prints its address, a root token, and commands to try. Not for real keys.

    \b
    Examples:
      keystead dev
      keystead dev --listen 127.0.0.1:8300 --data ./keystead-data
    """
    from keystead.node.start import DevOptions, run_dev

    run_dev(DevOptions(**given))


@click.command()
@click.option(
    "--config",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration file, TOML.",
)
def server(config: Path) -> None:
    """Start a server as a configuration file says.

    \b
    Example:
      keystead server --config /etc/keystead/keystead.toml
    """
    from keystead.node.start import run_server

    run_server(config)
