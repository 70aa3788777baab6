"""An approval counts for the gate that it names, and for no other."""

import pytest

from tidegate.contracts import ApprovedGate, ApproveRequest
from tidegate.decisions.consent import Ruling, ruling

GATE = "confirm-promotion: sesame (stage 12)"
THIS, OTHER = {"canary": "podinfo.test", "gate": GATE}, {"canary": "frontend.test", "gate": GATE}


@pytest.mark.parametrize(
    ("argument", "waiting", "expected"),
    [
        (None, GATE, Ruling.OPENS),
        (None, "", Ruling.ELSEWHERE),
        ("ann", GATE, Ruling.OPENS),
        ({"by": "ann"}, GATE, Ruling.OPENS),
        ({"gates": [THIS]}, GATE, Ruling.OPENS),
        ({"gates": [{"gate": GATE}]}, GATE, Ruling.OPENS),
        ({"gates": [OTHER, THIS]}, GATE, Ruling.OPENS),
        ({"gates": [{**THIS, "revision": "aaa"}]}, GATE, Ruling.OPENS),
        ({"gates": [{**THIS, "revision": "bbb"}]}, GATE, Ruling.ELSEWHERE),
        ({"gates": [THIS]}, "", Ruling.ELSEWHERE),
        ({"gates": [THIS]}, "confirm-rollout: sesame (stage 2)", Ruling.ELSEWHERE),
        ({"gates": [OTHER]}, GATE, Ruling.UNCONCERNED),
        ({"gates": GATE}, GATE, Ruling.OPENS),
        ({"gate": GATE}, GATE, Ruling.OPENS),
        ({"gates": [], "gate": "another"}, GATE, Ruling.ELSEWHERE),
        (["yes"], GATE, Ruling.ELSEWHERE),
        (7, GATE, Ruling.ELSEWHERE),
    ],
)
def test_an_approval_opens_the_gate_that_it_names(argument: object, waiting: str, expected: Ruling) -> None:
    request = ApproveRequest.read(argument)
    got = ruling(request, canary="podinfo.test", revision="aaa", gate=waiting, approved=False)
    assert got is expected


def test_a_second_approval_of_a_gate_is_a_repetition() -> None:
    request = ApproveRequest(gates=(ApprovedGate(gate=GATE),))
    got = ruling(request, canary="podinfo.test", revision="aaa", gate=GATE, approved=True)
    assert got is Ruling.REPEATED


@pytest.mark.parametrize(
    ("argument", "by"),
    [
        (None, ""),
        ("ann", "ann"),
        (" ann\nlee ", "ann lee"),
        ({"by": "ann"}, "ann"),
        ({"by": None}, ""),
        (7, ""),
    ],
)
def test_who_approves_is_read_from_whatever_was_typed(argument: object, by: str) -> None:
    assert ApproveRequest.read(argument).by == by
