"""Generated sequences of writes, answered alike by the emulator and a real API server, step by step.

Sequences that told the two apart once are kept in `golden`, with the answers of a real kube-apiserver
1.37.2: the emulator is held to them where there is no real server.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.cluster_api.generated import Subject, sequences
from tests.sandbox.cluster_api.sequences import differences, play
from tests.sandbox.cluster_api.servers import Json, Server
from tests.sandbox.cluster_api.subjects import DEFINITIONS, SUBJECTS
from tidegate.sandbox.cluster_api import ClusterApi
from tidegate.sandbox.control_plane import Cluster

_GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_NAMESPACE = "sequences"
_EXAMPLES = 1000 if settings.get_current_profile_name() == "long" else 30
_names = (f"s{number}" for number in itertools.count())


def _ready(server: Server, eventually: Any) -> Server:
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": _NAMESPACE}})
    for definition in DEFINITIONS:
        server.call("POST", _CRDS, definition)
    places = [subject.place(_NAMESPACE) for subject in SUBJECTS]
    eventually(lambda: all(server.call("GET", place)[0] == 200 for place in places))
    return server


@pytest.fixture(scope="session")
def imitation(emulator: ClusterApi, eventually: Any) -> Iterator[Server]:
    server = Server(emulator.url, emulator.token or "")
    yield _ready(server, eventually)
    server.close()


@dataclass(frozen=True)
class Pair:
    real: Server
    imitation: Server


@pytest.fixture(scope="session")
def pair(real: Cluster, imitation: Server, eventually: Any) -> Iterator[Pair]:
    server = Server(real.url, real.token or "", real.certificate_authority)
    yield Pair(_ready(server, eventually), imitation)
    server.close()


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: str(subject.name))
@settings(
    deadline=None,
    max_examples=_EXAMPLES,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_a_real_server_and_the_emulator_answer_alike(
    pair: Pair, subject: Subject, data: st.DataObject
) -> None:
    operations = data.draw(sequences(subject))
    place, name = subject.place(_NAMESPACE), next(_names)
    expected = play(pair.real, place, name, operations)
    actual = play(pair.imitation, place, name, operations)
    for step, (theirs, ours) in enumerate(zip(expected, actual, strict=True)):
        assert not differences(theirs, ours), (step, operations[step])


@pytest.mark.parametrize("path", _GOLDEN, ids=lambda path: str(path.stem))
def test_the_emulator_answers_as_a_real_server_did(imitation: Server, path: Path) -> None:
    kept: Json = json.loads(path.read_text())
    subject = next(subject for subject in SUBJECTS if subject.name == kept["subject"])
    actual = play(imitation, subject.place(_NAMESPACE), kept["name"], kept["operations"])
    assert differences(kept["answers"], actual) == []
