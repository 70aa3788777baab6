"""Routes remember what their canary's target is, where it is no Deployment, and refuse that it turns."""

import pytest

from tests.workflows.neighbours import release_request
from tidegate.contracts import CanaryRef
from tidegate.decisions.ownership import refuse_turned, with_marks
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest
from tidegate.domain.marks import TARGET_KIND, annotations


def ref(kind: str, target: str = "podinfo") -> CanaryRef:
    owner = release_request("a").owner_at("a")
    return CanaryRef(owner=owner, namespace="test", name="podinfo", target=target, kind=kind)


def routes(kind: str) -> Manifest:
    return with_marks({"kind": "VirtualService", "metadata": {"name": "podinfo"}}, ref(kind))


def test_only_other_kinds_than_a_deployment_are_marked() -> None:
    assert annotations(routes("DaemonSet"))[TARGET_KIND] == "DaemonSet"
    assert TARGET_KIND not in annotations(routes("Deployment"))


@pytest.mark.parametrize(
    ("before", "now", "then"),
    [
        ("Deployment", "DaemonSet", ", and then delete the Deployment podinfo"),
        ("DaemonSet", "Deployment", ", and then delete the DaemonSet podinfo"),
        ("Deployment", "Service", ""),
        ("Service", "Deployment", ""),
    ],
)
def test_a_target_that_turns_into_another_kind_is_refused(before: str, now: str, then: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        refuse_turned(routes(before), ref(now))
    assert str(raised.value) == (
        f"Canary test/podinfo: spec.targetRef.kind: podinfo is a {now} now, and its {before} was released "
        f"before; run `tidegate uninstall`, start again{then}"
    )


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        (None, ref("DaemonSet")),
        ({"metadata": {"name": "podinfo"}}, ref("DaemonSet")),
        (routes("DaemonSet"), ref("DaemonSet")),
        (routes("DaemonSet"), ref("Deployment", "another")),
    ],
)
def test_what_was_never_released_or_stays_is_not(live: Manifest | None, wanted: CanaryRef) -> None:
    refuse_turned(live, wanted)
