"""A worker that stops when it is told to, also where Temporal's SDK would wait for ever."""

import asyncio
import logging
from datetime import timedelta

from temporalio.worker import Worker

log = logging.getLogger("tidegate.worker")


class PunctualWorker(Worker):
    """Gives up what has not ended `patience` after the graceful shutdown's time.

    The SDK loses sight of an activity whose heartbeat is on its way as the shutdown begins, and waits for it
    for ever (sdk-rust, issue 1537). Temporal misses its heartbeats, and another worker takes it up.
    """

    patience = timedelta(seconds=5)
    _running: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """As the SDK does; it is this task that a late shutdown cuts off."""
        self._running = asyncio.current_task()
        await super().run()

    async def shutdown(self) -> None:
        """Returns when the worker has stopped, or was given up."""
        limit = self.config()["graceful_shutdown_timeout"] + self.patience
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await super().shutdown()
        except TimeoutError:
            log.warning("not stopped after %gs: what is left is given up", limit.total_seconds())
            if self._running:
                self._running.cancel()
