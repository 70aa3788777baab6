"""Waiting for one object by watch, in the caller's thread, with a beat that a cancellation gets through.

A reader thread blocks on the stream and hands each event over a queue, so the caller wakes at once for an
event and every BEAT_SECONDS otherwise; the API is never polled.
"""

import contextlib
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import urllib3

from tidegate.adapters.kubernetes.connection import Connection
from tidegate.adapters.kubernetes.responses import error_of
from tidegate.domain.errors import NotReady
from tidegate.domain.manifest import Manifest, ObjectRef

BEAT_SECONDS = 0.5
STREAM_SECONDS = 15
"""Seconds after which the API server ends a watch; it is then taken up where it ended. No longer, for a
stream whose server has died behind a silent network never ends by itself."""

SILENT_SECONDS = 3
"""Beyond those: a stream that has not ended by then is dead."""

PAUSE_SECONDS = 1.0
"""Seconds at least from the start of one stream to the next, in case the server ends each at once."""

JOIN_SECONDS = 2.0
GONE = 410

T = TypeVar("T")
Until = Callable[[Manifest | None], T | None]
Event = dict[str, Any]


class _Gone(Exception):
    """The stream cannot go on from its resourceVersion: the object has to be read anew."""


class Wait:
    """The waiting for one object; `beat` is called before every blocking step, at least each BEAT_SECONDS."""

    def __init__(
        self,
        connection: Connection,
        collection: str,
        ref: ObjectRef,
        *,
        deadline_seconds: float,
        beat: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._collection = collection
        self._ref = ref
        self._seconds = deadline_seconds
        self._end = time.monotonic() + deadline_seconds
        self._beat = beat
        self._version = ""

    def until(self, until: Until[T]) -> T:
        """The first result that is not None, of the object as it is and as each event shows it."""
        while True:
            result = until(self._list())
            while result is None:
                began = time.monotonic()
                try:
                    result = self._follow(until)
                except _Gone:
                    break
                self._pause(began + PAUSE_SECONDS if result is None else 0)
            if result is not None:
                return result

    def _list(self) -> Manifest | None:
        answer = self._connection.call("GET", self._collection, query=self._query(), subject=str(self._ref))
        self._version = (answer or {}).get("metadata", {}).get("resourceVersion", "")
        items: list[Manifest] = (answer or {}).get("items") or []
        if not items:
            return None
        return {"apiVersion": self._ref.api_version, "kind": self._ref.kind} | items[0]

    def _follow(self, until: Until[T]) -> T | None:
        """The first result of one stream; None when the stream ended without one."""
        with self._stream() as events:
            while (event := self._next(events)) is not None:
                if event["type"] == "BOOKMARK":
                    continue
                result = until(None if event["type"] == "DELETED" else event["object"])
                if result is not None:
                    return result
        return None

    def _next(self, events: "queue.Queue[Event | None]") -> Event | None:
        while True:
            self._beat()
            try:
                event = events.get(timeout=self._patience())
            except queue.Empty:
                continue
            if event is not None:
                self._note(event)
            return event

    def _note(self, event: Event) -> None:
        """Remember where the stream stands; raise what an ERROR event says."""
        if event["type"] == "ERROR":
            code = int(event["object"].get("code") or GONE)
            if code == GONE:
                raise _Gone
            body = json.dumps(event["object"]).encode()
            raise error_of(code, body, neighbour=self._connection.neighbour, subject=str(self._ref))
        self._version = event["object"]["metadata"]["resourceVersion"]

    def _pause(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            self._beat()
            time.sleep(min(left, self._patience()))

    def _patience(self) -> float:
        """Seconds to block for, now; NotReady once the deadline has passed."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise NotReady(
                f"{self._ref} in {self._connection.neighbour} was not ready within {self._seconds:.0f}s"
            )
        return min(BEAT_SECONDS, left)

    def _query(self) -> dict[str, str]:
        return {"fieldSelector": f"metadata.name={self._ref.name}"}

    @contextlib.contextmanager
    def _stream(self) -> Iterator["queue.Queue[Event | None]"]:
        """A queue of events, ended by None; on exit the reader has ended and the connection is closed."""
        response = self._open()
        events: queue.Queue[Event | None] = queue.Queue()
        reader = threading.Thread(
            target=_read, args=(response, events), name=f"watch {self._ref}", daemon=True
        )
        reader.start()
        try:
            yield events
        finally:
            # Wakes the reader from its blocking read; closing alone would not.
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                response.shutdown()
            reader.join(timeout=JOIN_SECONDS)
            response.close()

    def _open(self) -> urllib3.HTTPResponse:
        query = self._query() | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(STREAM_SECONDS),
        }
        response = self._connection.open(
            "GET", self._collection, query=query, read_seconds=STREAM_SECONDS + SILENT_SECONDS
        )
        if response.status < 400:
            return response
        body = response.data
        if response.status == GONE:
            raise _Gone
        raise error_of(response.status, body, neighbour=self._connection.neighbour, subject=str(self._ref))


def _read(response: urllib3.HTTPResponse, events: "queue.Queue[Event | None]") -> None:
    """Put each line of the stream; a stream that breaks just ends, for it can be taken up again."""
    rest = b""
    with contextlib.suppress(urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError):
        for chunk in response.stream():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    events.put(json.loads(line))
    events.put(None)
