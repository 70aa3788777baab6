"""Generated sequences of writes, answered alike by the emulator and a real API server, step by step.

The suite plays the same few of each kind every time; `--hypothesis-profile=long` searches among many.
Sequences that told the two apart once are kept in `golden`, with the answers of a real kube-apiserver
1.37.2: the emulator is held to them where there is no real server.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.cluster_api.generated import Subject, sequences
from tests.sandbox.cluster_api.sequences import differences, play
from tests.sandbox.cluster_api.servers import Json, Pair, Server
from tests.sandbox.cluster_api.subjects import NAMESPACE, SUBJECTS

_GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
_SEARCH = settings.get_current_profile_name() == "long"
_names = (f"s{number}" for number in itertools.count())


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: str(subject.name))
@settings(
    deadline=None,
    derandomize=not _SEARCH,
    max_examples=settings.get_profile("long").max_examples if _SEARCH else 25,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_a_real_server_and_the_emulator_answer_alike(
    pair: Pair, subject: Subject, data: st.DataObject
) -> None:
    operations = data.draw(sequences(subject))
    place, name = subject.place(NAMESPACE), next(_names)
    expected = play(pair.real, place, name, operations)
    actual = play(pair.imitation, place, name, operations)
    for step, (theirs, ours) in enumerate(zip(expected, actual, strict=True)):
        assert not differences(theirs, ours), (step, operations[step])


@pytest.mark.parametrize("path", _GOLDEN, ids=lambda path: str(path.stem))
def test_the_emulator_answers_as_a_real_server_did(imitation: Server, path: Path) -> None:
    kept: Json = json.loads(path.read_text())
    subject = next(subject for subject in SUBJECTS if subject.name == kept["subject"])
    actual = play(imitation, subject.place(NAMESPACE), kept["name"], kept["operations"])
    assert differences(kept["answers"], actual) == []
