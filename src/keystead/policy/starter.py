"""The policies that a new server begins with: a few roles, each with the least it needs."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from keystead.policy.records import POLICY, PolicyRecord

if TYPE_CHECKING:
    from keystead.store.transaction import Transaction


def starter_policies() -> dict[str, str]:
    """The texts of the starter policies by name; the first line of each describes it."""
    folder = files("keystead.policy") / "starter"
    return {
        file.name.removesuffix(".cedar"): file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".cedar")
    }


def write_starter_policies(tx: Transaction, now: float, namespace: str = "root") -> None:
    """Write the starter policies into the namespace with that identifier.

    Their roles are that namespace's own. ``now`` is in Unix seconds. Policies of the same
    names are replaced.
    """
    for name, text in starter_policies().items():
        description = text.partition("\n")[0].removeprefix("//").strip()
        record = PolicyRecord(text=text, description=description, written_at=now)
        tx.put(POLICY, namespace, name, record)
