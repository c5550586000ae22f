"""When a failed request is sent again, and after how long."""

from __future__ import annotations

import random

from keystead.errors import WaitAndRetry

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0


def retry_delay(error: WaitAndRetry, attempt: int, retries: int, repeatable: bool) -> float | None:
    """Return the seconds to wait before sending again, or None to give up.

    ``attempt`` counts from 0. A request that never left (``sent`` is false in the error's
    details) may always go again, another only if it is ``repeatable``. The delay is what
    the server asked for (``retry_after_seconds``), or doubles from 0.1 s to 10 s; a random
    part on top keeps many clients from coming back at once. A server that asks for more than
    10 s is not waited for.
    """
    if attempt >= retries or not (repeatable or error.details.get("sent") is False):
        return None
    asked = error.details.get("retry_after_seconds")
    if isinstance(asked, int) and asked > LONGEST_DELAY_SECONDS:
        return None
    doubled = min(FIRST_DELAY_SECONDS * 2**attempt, LONGEST_DELAY_SECONDS)
    delay = float(asked) if isinstance(asked, int) else doubled
    return delay + random.uniform(0, doubled)  # noqa: S311 - spreads load, guards nothing
