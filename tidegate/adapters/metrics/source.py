"""Where a check's answer comes from: the provider as its template has it, and what it takes to ask it."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tidegate.adapters.metrics.exchange import TIMEOUT_SECONDS, Exchange, Headers
from tidegate.adapters.reach import Target, shown
from tidegate.decisions.judge import Sample
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest
from tidegate.domain.metric_template import Provider
from tidegate.domain.redaction import url_secrets


class MetricsServer(Protocol):
    """Answers a query with one sample. Raises InvalidInput, AccessDenied, Unreachable."""

    async def query(self, query: str) -> Sample: ...


class Objects(Protocol):
    """A cluster's API, as far as metrics are read from it: kubernetes.Cluster is one."""

    def served(self, group: str, kind: str, preferred: Sequence[str] = ()) -> str: ...
    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None: ...
    def apply(self, manifest: Manifest, *, manager: str) -> Manifest: ...
    def delete(self, api_version: str, kind: str, namespace: str, name: str) -> None: ...


@dataclass(frozen=True)
class Credentials:
    """A Secret's values by their keys. `name` is namespace/name; "" where a template names none."""

    name: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return bool(self.name)

    @property
    def told(self) -> str:
        """Whose credentials they are, in words; "" for none."""
        return f"the credentials of Secret {self.name}, provider.secretRef" if self.name else ""

    def needed(self, key: str) -> str:
        """The value of a key that the provider cannot do without."""
        if not self.values.get(key):
            raise InvalidInput(
                f"the Secret {self.name} has no {key}", field="provider.secretRef", mend=f"add the key {key}"
            )
        return self.values[key]


@dataclass(frozen=True)
class Source:
    """All that a provider gets. `target` says how an address is reached, and may block.

    That is for the metric's own address; `elsewhere` is for whoever gives a token for it, whose certificate
    is asked for in any case. `key` names the question, the same for each attempt at it. `environ` is the
    worker's.
    """

    provider: Provider
    credentials: Credentials
    window_seconds: float
    target: Callable[[str], Target]
    elsewhere: Callable[[str], Target]
    objects: Objects | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    key: str = ""

    def exchange(
        self,
        called: str,
        path: str,
        *,
        headers: Headers = (),
        secrets: Iterable[str] = (),
        timeout: float = TIMEOUT_SECONDS,
    ) -> Exchange:
        """The endpoint at a path of the provider's address. `called` is the server's kind in errors."""
        address = self.provider.base_address
        own = [(name, value) for name, values in self.provider.headers.items() for value in values]
        return Exchange(
            f"{called} {shown(address)}",
            self.target(address + path),
            headers=(*own, *headers),
            secrets=(
                *self.credentials.values.values(),
                *(value for _, value in (*own, *headers)),
                *url_secrets(address),
                *secrets,
            ),
            identity=self.credentials.told,
            timeout=timeout,
        )


_FRESH_WINDOWS, _FRESH_SECONDS = 3, 180.0
"""What is older than so many windows, and than so many seconds, is from before the step that is judged."""


def is_fresh(age_seconds: float, window_seconds: float) -> bool:
    """Whether a point that is so old may be judged by."""
    return age_seconds <= max(_FRESH_WINDOWS * window_seconds, _FRESH_SECONDS)


def as_of(sample: Sample, age_seconds: float, window_seconds: float) -> Sample:
    """The sample of a point that is so old; without its value where that is too old."""
    if is_fresh(age_seconds, window_seconds):
        return sample
    return sample.model_copy(update={"value": None, "aged": age_seconds})


def bearer(token: str) -> Headers:
    """The header of a bearer token; none without one."""
    return [("Authorization", f"Bearer {token}")] if token else []


def basic(username: str, password: str) -> Headers:
    """The header of a user and a password."""
    both = base64.b64encode(f"{username}:{password}".encode()).decode()
    return [("Authorization", f"Basic {both}")]


def number(value: Any) -> float | None:
    """A JSON number as a float; NaN, null and everything else is no data."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return float(value)
