"""Other nodes' commits, heard through PostgreSQL's LISTEN and NOTIFY.

A notice is sent inside the transaction, so it arrives after the change can be seen and only
if it was committed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

from sqlalchemy import Engine

CHANNEL = "keystead_changes"
RETRY_SECONDS = 1.0
LOOK_UP_SECONDS = 1.0

log = logging.getLogger("keystead.store")


class Notices:
    """Calls ``on_notice``, in a thread of its own, after every commit that is not from
    ``origin``, and whenever the connection is lost or made: what is sent without it is not
    heard.

    Connects again by itself. Nothing is promised about how soon a lost connection is noticed.
    """

    def __init__(self, engine: Engine, origin: str, on_notice: Callable[[], None]) -> None:
        self._engine = engine
        self._origin = origin
        self._on_notice = on_notice
        self._closed = False
        self._thread = Thread(target=self._run, name="keystead-notices", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop within ``LOOK_UP_SECONDS``; does not wait for it."""
        self._closed = True

    def _run(self) -> None:
        while not self._closed:
            try:
                self._listen()
            except Exception as error:  # of many kinds, all of which mean: connect again
                log.info("notices of other nodes are not heard: %s", type(error).__name__)
                self._on_notice()
                time.sleep(RETRY_SECONDS)

    def _listen(self) -> None:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection  # None once it is detached
        pooled.detach()
        try:
            connection.rollback()
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
            self._on_notice()
            while not self._closed:
                for notice in connection.notifies(timeout=LOOK_UP_SECONDS):
                    if notice.payload != self._origin:
                        self._on_notice()
        finally:
            connection.close()
