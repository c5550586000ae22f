"""Closing the intents that a crash left open in the audit log."""

from __future__ import annotations

import asyncio
import time

from keystead.audit.entry import Entry, encode
from keystead.audit.recovery import mark_clean, open_intents
from keystead.services.house import House

SETTLE_SECONDS = 60.0
"""Older than this, an intent of a live node is not under way any more."""


async def resolve_intents(house: House, *, settle_seconds: float) -> None:
    """Say of every change that a crash interrupted whether it was committed.

    The store knows: a committed change carries its request's identifier. Intents younger
    than ``settle_seconds`` may be under way in another worker and are left for later.
    """
    directory = house.audit.directory
    clean = house.audit.status().size
    newest_ns = time.time_ns() - int(settle_seconds * 1e9)
    for intent in await asyncio.to_thread(open_intents, directory):
        if intent.time_ns > newest_ns:
            clean = min(clean, intent.index)
            continue
        committed = await _was_committed(house, intent.request_id)
        entry = Entry(
            action=intent.action,
            details={"recovered": True, "committed": committed},
            intent=intent.index,
            namespace=intent.namespace,
            node=house.node,
            outcome="ok" if committed else "unknown",
            phase="outcome",
            principal=intent.principal,
            request_id=intent.request_id,
            resource=intent.resource,
            time=time.time_ns(),
        )
        await house.audit.append(encode(entry))
    await asyncio.to_thread(mark_clean, directory, clean)


async def _was_committed(house: House, request_id: str) -> bool:
    return await house.store.read(lambda reader: reader.change_of_request(request_id))
