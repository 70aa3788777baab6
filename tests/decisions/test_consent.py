"""An approval counts for the gate that it names, and for no other."""

import pytest

from tidegate.contracts import ApprovedGate, ApproveRequest
from tidegate.decisions.consent import Ruling, Waiting, ruling

GATE = "confirm-promotion: sesame (stage 12)"
THIS, OTHER = {"canary": "podinfo.test", "gate": GATE}, {"canary": "frontend.test", "gate": GATE}


@pytest.mark.parametrize(
    ("argument", "waiting", "expected"),
    [
        (None, GATE, Ruling.COUNTS),
        (None, "", Ruling.ELSEWHERE),
        ("ann", GATE, Ruling.COUNTS),
        ({"by": "ann"}, GATE, Ruling.COUNTS),
        ({"gates": [THIS]}, GATE, Ruling.COUNTS),
        ({"gates": [{"gate": GATE}]}, GATE, Ruling.COUNTS),
        ({"gates": [OTHER, THIS]}, GATE, Ruling.COUNTS),
        ({"gates": [{**THIS, "revision": "aaa"}]}, GATE, Ruling.COUNTS),
        ({"gates": [{**THIS, "revision": "bbb"}]}, GATE, Ruling.ELSEWHERE),
        ({"gates": [THIS]}, "", Ruling.ELSEWHERE),
        ({"gates": [THIS]}, "confirm-rollout: sesame (stage 2)", Ruling.ELSEWHERE),
        ({"gates": [OTHER]}, GATE, Ruling.UNCONCERNED),
        ({"gates": GATE}, GATE, Ruling.COUNTS),
        ({"gate": GATE}, GATE, Ruling.COUNTS),
        ({"gates": [], "gate": "another"}, GATE, Ruling.ELSEWHERE),
        (["yes"], GATE, Ruling.ELSEWHERE),
        (7, GATE, Ruling.ELSEWHERE),
    ],
)
def test_an_approval_opens_the_gate_that_it_names(argument: object, waiting: str, expected: Ruling) -> None:
    request = ApproveRequest.read(argument)
    got = ruling(request, Waiting(gate=waiting), canary="podinfo.test", revision="aaa")
    assert got is expected


@pytest.mark.parametrize("argument", [None, "ann", {"by": "ann"}])
def test_a_gate_that_wants_to_be_named_opens_to_no_approval_without_a_name(argument: object) -> None:
    waiting = Waiting(gate=GATE, by_name=True)
    request = ApproveRequest.read(argument)
    assert ruling(request, waiting, canary="podinfo.test", revision="aaa") is Ruling.ELSEWHERE
    named = ApproveRequest.read({"gates": [THIS]})
    assert ruling(named, waiting, canary="podinfo.test", revision="aaa") is Ruling.COUNTS


TWO_OF_THREE = Waiting(gate=GATE, quorum=2, approvers=("ann", "bob", "eve"))


@pytest.mark.parametrize(
    ("waiting", "by", "expected", "is_open"),
    [
        (Waiting(gate=GATE), "", Ruling.COUNTS, True),
        (Waiting(gate=GATE, approvals=("ann",)), "bob", Ruling.REPEATED, True),
        (TWO_OF_THREE, "ann", Ruling.COUNTS, False),
        (TWO_OF_THREE.approved_by("ann"), "ann", Ruling.REPEATED, False),
        (TWO_OF_THREE.approved_by("ann"), "bob", Ruling.COUNTS, True),
        (TWO_OF_THREE.approved_by("ann").approved_by("bob"), "eve", Ruling.REPEATED, True),
        (TWO_OF_THREE, "mallory", Ruling.STRANGER, False),
        (TWO_OF_THREE, "Ann", Ruling.STRANGER, False),
        (TWO_OF_THREE, "", Ruling.STRANGER, False),
    ],
)
def test_a_gate_opens_to_so_many_different_persons_of_those_that_are_named(
    waiting: Waiting, by: str, expected: Ruling, is_open: bool
) -> None:
    request = ApproveRequest(gates=(ApprovedGate(gate=GATE),), by=by)
    got = ruling(request, waiting, canary="podinfo.test", revision="aaa")
    assert got is expected
    assert (waiting.approved_by(by) if got is Ruling.COUNTS else waiting).is_open is is_open


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
