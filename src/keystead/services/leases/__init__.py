"""Leases: from the intent to give something out until it is taken back.

    pending ──confirmed──► live ──expired, revoked──► revoking ──taken back──► (gone)
       └──────── not confirmed in time ──────────────►   └─ tried again after a failure

Each stage is a kind of record of its own, all with the lease's id, so that finding what is
due in a stage, or what fails, never looks at the million that are well. A lease is pending
before what it is for exists, so a crash leaves nothing behind that nobody takes back.
"""

from keystead.services.leases.ending import expire_of_token

__all__ = ["expire_of_token"]
