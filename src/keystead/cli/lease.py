"""Leases: what was given out for a time."""

from __future__ import annotations

import click

from keystead.cli.command import Group
from keystead.cli.inputs import duration
from keystead.cli.session import Session, pass_session

_STATES = ("live", "revoking", "failed", "irrevocable")
_wait = click.option("--wait", is_flag=True, help="Return when it is done, or say why not.")


@click.group(cls=Group)
def lease() -> None:
    """What was given out for a time, and is taken back."""


@lease.command(
    "list",
    examples=["keystead lease list database/creds/readonly/", "keystead lease list --state failed"],
)
@click.argument("prefix", default="")
@click.option("--state", type=click.Choice(_STATES), default="live", help="In which state.")
@pass_session
def list_leases(session: Session, prefix: str, state: str) -> None:
    """List leases whose ids begin with PREFIX."""
    from keystead.operations.leases import ListLeases

    columns = ("id", "expires_at", "state") if state == "live" else ("id", "attempts", "error")
    session.show_all(
        ListLeases(prefix=prefix, state=state, limit=1000), brief="id", columns=columns
    )


@lease.command(examples=["keystead lease count"])
@pass_session
def count(session: Session) -> None:
    """Count leases by state."""
    from keystead.operations.leases import CountLeases

    session.show(session.client(CountLeases()), brief="live")


@lease.command(examples=["keystead lease show database/creds/readonly/Qm3…"])
@click.argument("lease_id")
@pass_session
def show(session: Session, lease_id: str) -> None:
    """Show a lease."""
    from keystead.operations.leases import ShowLease

    session.show(session.client(ShowLease(lease_id=lease_id)), brief="state")


@lease.command(examples=["keystead lease renew database/creds/readonly/Qm3… --increment 1h"])
@click.argument("lease_id")
@click.option("--increment", type=duration, default="0", help="For how long from now.")
@pass_session
def renew(session: Session, lease_id: str, increment: int) -> None:
    """Prolong a lease, within its longest lifetime."""
    from keystead.operations.leases import RenewLease

    operation = RenewLease(lease_id=lease_id, increment_seconds=increment)
    session.show(session.client(operation), brief="expires_at")


@lease.command(
    examples=[
        "keystead lease revoke database/creds/readonly/Qm3… --wait",
        "keystead lease revoke --prefix database/creds/readonly",
        "keystead lease revoke --prefix database/creds --forget",
    ]
)
@click.argument("lease_id")
@click.option("--prefix", is_flag=True, help="All leases below it.")
@click.option("--forget", is_flag=True, help="With --prefix: forget what cannot be revoked.")
@_wait
@pass_session
def revoke(session: Session, lease_id: str, prefix: bool, forget: bool, wait: bool) -> None:
    """Take back what was leased."""
    from keystead.operations.leases import ForgetLeases, RevokeLease, RevokeLeases

    if forget and not prefix:
        raise click.UsageError("--forget goes with --prefix.")
    if forget:
        session.client(ForgetLeases(prefix=lease_id))
    elif prefix:
        session.client(RevokeLeases(prefix=lease_id, wait=wait))
    else:
        session.client(RevokeLease(lease_id=lease_id, wait=wait))
    done = wait or forget
    session.say(f"{lease_id} {'is' if done else 'will be'} revoked.")


@lease.command(examples=["keystead lease tidy"])
@pass_session
def tidy(session: Session) -> None:
    """Revoke leases whose tokens are gone, should any be left."""
    from keystead.operations.leases import TidyLeases

    session.client(TidyLeases())
    session.say("Leases without a token will be revoked.")
