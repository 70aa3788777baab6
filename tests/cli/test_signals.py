"""What the commands that steer a release say of what they did, from what is seen before and after."""

from datetime import UTC, datetime

import pytest

from tidegate.cli import approve, promote
from tidegate.cli.observation import Observation
from tidegate.contracts import ApprovedGate, ApproveRequest, CanaryStatus, ConsentStatus, ReleaseStatus
from tidegate.domain.release import Phase

GATE = "approval before weight 20: 2 of ann, bob, eve (stage 6)"
SHA = "3f2a1b9c" + "0" * 32


def canary(name: str = "shop", phase: Phase = Phase.WAITING, **more: object) -> CanaryStatus:
    return CanaryStatus(
        canary=f"{name}.shop", cluster="mesh02", revision=SHA, phase=phase, weight=5
    ).model_copy(update=more)


def asked(*approvals: str, name: str = "shop") -> CanaryStatus:
    """One that waits for the approvals of two."""
    consent = ConsentStatus(quorum=2, approvers=("ann", "bob", "eve"), approvals=approvals)
    return canary(name, gate=GATE, consent=consent)


def seen(*canaries: CanaryStatus) -> Observation:
    release = ReleaseStatus(
        application="shop", cluster="mesh02", namespace="shop", revision=SHA, phase=Phase.RELEASING
    )
    now = datetime(2026, 3, 1, tzinfo=UTC)
    return Observation(workflow_id="release", run_id="1", started=now, release=release, canaries=canaries)


MEETING = canary("web", Phase.PROGRESSING, waiting_for="the other canaries: shop (at 5 %)")
FROZEN = canary(gate="freeze: the holidays (stage 2)", waiting_for="the end of the freeze")
ROLLOUT = canary(gate="confirm-rollout: sesame (stage 2)", waiting_for="confirm-rollout hook sesame: closed")
STOPS = "the approval before weight 20 and stops there"


@pytest.mark.parametrize(
    ("canaries", "said"),
    [
        ([asked()], f"promote reaches {STOPS}: 0 of 2; ann, bob, eve"),
        ([asked("bob")], f"promote reaches {STOPS}: 1 of 2: bob; ann, eve"),
        ([FROZEN], "promote reaches the gate freeze: the holidays (stage 2) and stops there"),
        ([ROLLOUT], "promote reaches the gate confirm-rollout: sesame (stage 2) and stops there"),
        (
            [asked(), MEETING],
            f"promoting shop: shop.shop reaches {STOPS}: 0 of 2; ann, bob, eve,"
            " web.shop waits for the other canaries: shop (at 5 %)",
        ),
        ([canary(phase=Phase.PROMOTING)], "promoting shop: shop.shop Promoting"),
    ],
    ids=["approval", "second approval", "freeze", "rollout", "pair", "promoting"],
)
def test_a_promotion_says_how_far_it_comes(canaries: list[CanaryStatus], said: str) -> None:
    now = seen(*canaries)
    assert (promote._seen(now), promote._sentence(now)) == (True, said)


@pytest.mark.parametrize(
    "canaries",
    [
        [canary(phase=Phase.PROGRESSING)],
        [asked(), canary("web", Phase.PROGRESSING)],
        [canary(gate="confirm-promotion: sesame (stage 7)")],
        [],
    ],
    ids=["baking", "one of two", "a gate that it opens", "none yet"],
)
def test_what_is_still_on_its_way_shows_no_promotion(canaries: list[CanaryStatus]) -> None:
    assert not promote._seen(seen(*canaries))


def test_a_second_approval_of_one_person_is_told_as_such() -> None:
    request = ApproveRequest(gates=(ApprovedGate(canary="shop.shop", gate=GATE, revision=SHA),), by="ann")
    first = approve._sentence(request, seen(asked("ann")), seen(asked()))
    assert first == f"approved shop: shop.shop {GATE}, 1 of 2 approvals so far"
    again = approve._sentence(request, seen(asked("ann")), seen(asked("ann")))
    assert again == (
        f"nothing new for shop: shop.shop {GATE}, 1 of 2 approvals so far; ann had approved already"
    )
