"""Keptn's metrics, which are objects of the workload cluster: a KeptnMetric's value, or an Analysis' result.

The query is <keptnmetric|analysis>/<namespace>/<name>/<duration>/<key=value;...>, as Flagger has it. An
Analysis is made, waited for and removed; its name is the question's, so that a second attempt finds it again.
"""

import asyncio
import hashlib
import time
from typing import NamedTuple

from tidegate.adapters.metrics.source import Objects, Source
from tidegate.contracts import FIELD_MANAGER
from tidegate.decisions.judge import Sample
from tidegate.domain.errors import InvalidInput, Unreachable
from tidegate.domain.manifest import Manifest, dig

GROUP = "metrics.keptn.sh"
VERSIONS = ("v1", "v1beta1")
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.5

_KINDS = {
    "keptnmetric": "KeptnMetric",
    "keptnmetrics": "KeptnMetric",
    "analysis": "Analysis",
    "analyses": "Analysis",
}


class Selector(NamedTuple):
    """A query, taken apart. `recent` is how far an Analysis looks back."""

    kind: str
    namespace: str
    name: str
    recent: str
    arguments: dict[str, str]


class Keptn:
    """The Keptn of one cluster."""

    def __init__(self, objects: Objects, key: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._objects = objects
        self._key = key
        self._patience_seconds = patience_seconds

    async def query(self, query: str) -> Sample:
        """Read or run what the query names; an Analysis gives 1 when it passed, else 0."""
        wanted = selector(query)
        ask = self._metric if wanted.kind == "KeptnMetric" else self._analysis
        return await asyncio.to_thread(ask, wanted)

    def _metric(self, wanted: Selector) -> Sample:
        version = self._objects.served(GROUP, wanted.kind, VERSIONS)
        found = self._objects.get(version, wanted.kind, wanted.namespace, wanted.name)
        if found is None:
            raise InvalidInput(
                f"there is no KeptnMetric {wanted.namespace}/{wanted.name}",
                field="query",
                mend="create it, or correct the name",
            )
        value = dig(found, "status", "value")
        return Sample(value=_number(value), series=1) if value else Sample()

    def _analysis(self, wanted: Selector) -> Sample:
        version = self._objects.served(GROUP, wanted.kind, VERSIONS)
        manifest = _analysis(wanted, version, self._key)
        name = manifest["metadata"]["name"]
        self._objects.apply(manifest, manager=FIELD_MANAGER)
        try:
            return self._completed(version, wanted.namespace, name)
        finally:
            self._objects.delete(version, wanted.kind, wanted.namespace, name)

    def _completed(self, version: str, namespace: str, name: str) -> Sample:
        end = time.monotonic() + self._patience_seconds
        while time.monotonic() < end:
            found = self._objects.get(version, "Analysis", namespace, name)
            passed = dig(found, "status", "pass")
            if dig(found, "status", "state") == "Completed" and isinstance(passed, bool):
                return Sample(value=float(passed), series=1)
            time.sleep(LOOK_SECONDS)
        raise Unreachable(
            "Keptn", f"the Analysis {namespace}/{name} was not completed in {self._patience_seconds:g}s"
        )


def selector(query: str) -> Selector:
    """The parts of a query; InvalidInput when it has not got them."""
    kind, *parts = query.strip().split("/")
    if kind.lower() not in _KINDS or len(parts) < 2 or not all(parts[:2]):
        raise InvalidInput(
            f"{query.strip()[:60]!r} names no KeptnMetric and no Analysis",
            field="query",
            mend="write keptnmetric/<namespace>/<name> or analysis/<namespace>/<name>/<duration>/<key=value>",
        )
    namespace, name, recent, arguments = (*parts, "", "")[:4]
    pairs = [pair.partition("=") for pair in arguments.split(";")]
    return Selector(
        kind=_KINDS[kind.lower()],
        namespace=namespace.lower(),
        name=name.lower(),
        recent=recent or "1m",
        arguments={name: value for name, equals, value in pairs if equals},
    )


def _analysis(wanted: Selector, version: str, key: str) -> Manifest:
    suffix = hashlib.sha256(key.encode()).hexdigest()[:10]
    return {
        "apiVersion": version,
        "kind": "Analysis",
        "metadata": {"name": f"{wanted.name[:200]}-{suffix}", "namespace": wanted.namespace},
        "spec": {
            "analysisDefinition": {"name": wanted.name},
            "timeframe": {"recent": wanted.recent},
            "args": wanted.arguments,
        },
    }


def _number(text: object) -> float | None:
    """A metric's value is a text; NaN is no data."""
    try:
        value = float(str(text))
    except ValueError:
        raise Unreachable("Keptn", "the KeptnMetric's value is no number") from None
    return None if value != value else value


def keptn(source: Source) -> Keptn:
    """The Keptn of the cluster that the release goes to."""
    assert source.objects is not None, "it is read from the cluster"  # noqa: S101
    return Keptn(source.objects, source.key)
