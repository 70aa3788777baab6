"""One API server under comparison, spoken to without a client in between."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3

Json = dict[str, Any]
CONTENT_TYPES = {
    "create": "application/json",
    "replace": "application/json",
    "edit": "application/json",
    "apply": "application/apply-patch+yaml",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


@dataclass
class Server:
    """Calls to one server: `call` gives the code and the answer, decoded when it is JSON."""

    url: str
    token: str = ""
    authority: str | None = None  # in PEM
    pool: urllib3.PoolManager = field(init=False)

    def __post_init__(self) -> None:
        self.pool = urllib3.PoolManager(ca_cert_data=self.authority)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        **query: str,
    ) -> tuple[int, Any]:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": "contract/1"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = self.url + path + (f"?{urlencode(query)}" if query else "")
        answer = self.pool.request(method, url, body=data, headers=headers, timeout=30, retries=False)
        is_json = "json" in answer.headers.get("Content-Type", "") or answer.data[:1] == b"{"
        return answer.status, json.loads(answer.data) if is_json else answer.data

    def close(self) -> None:
        self.pool.clear()


@dataclass(frozen=True)
class Pair:
    """A real server, and the emulator that imitates it."""

    real: Server
    imitation: Server
