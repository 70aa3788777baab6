"""What several workload clusters are released for together, and what is told of each."""

import pytest

from tidegate.contracts import ApplicationRef, CanaryRef, SourceRef, StepReport
from tidegate.decisions.clusters import (
    Finding,
    asked_in,
    forgotten_clusters,
    merged,
    purpose_of_all,
    verdict_in,
)
from tidegate.decisions.judge import Criterion
from tidegate.decisions.queries import Check
from tidegate.domain.analysis import ThresholdRange
from tidegate.domain.errors import ReleaseFailed
from tidegate.domain.marks import FURTHER
from tidegate.domain.metric_template import Provider
from tidegate.domain.plan import Purpose
from tidegate.domain.verdict import Result, Verdict

INIT, RELEASE, UPKEEP = Purpose.INITIALISATION, Purpose.RELEASE, Purpose.UPKEEP


def ref(*further: str) -> CanaryRef:
    source = SourceRef(repo_url="https://git.test/podinfo", sha="a" * 40, path=".")
    owner = ApplicationRef(
        application="podinfo", cluster="mesh02", namespace="test", source=source, further_clusters=further
    )
    return CanaryRef(owner=owner, namespace="test", name="podinfo")


def check(address: str = "") -> Check:
    criterion = Criterion(check="rate", canary="podinfo.test", range=ThresholdRange(min=99))
    return Check(criterion=criterion, query="up", provider=Provider(type="prometheus", address=address))


@pytest.mark.parametrize(
    ("purposes", "purpose"),
    [
        ((INIT,), INIT),
        ((INIT, INIT), INIT),
        ((RELEASE, RELEASE), RELEASE),
        ((UPKEEP, UPKEEP), UPKEEP),
        ((UPKEEP, RELEASE), RELEASE),
        ((RELEASE, UPKEEP), RELEASE),
        ((UPKEEP, INIT), INIT),
    ],
)
def test_what_one_cluster_needs_is_done_in_all(purposes: tuple[Purpose, ...], purpose: Purpose) -> None:
    findings = [Finding(f"mesh0{n}", each, "because") for n, each in enumerate(purposes, 2)]
    assert purpose_of_all(findings) == (purpose, "because")


def test_reasons_that_differ_name_their_clusters() -> None:
    _, reason = purpose_of_all(
        [Finding("mesh02", UPKEEP, "it is the same"), Finding("mesh03", RELEASE, "new")]
    )
    assert reason == "mesh02: it is the same; mesh03: new"


def test_a_cluster_does_not_join_while_the_others_run_another_version() -> None:
    findings = [Finding("mesh02", RELEASE, "new"), Finding("mesh03", INIT, "there is none")]
    with pytest.raises(ReleaseFailed, match=r"mesh03 yet, and .* in mesh02 runs .* or leave mesh03 out"):
        purpose_of_all(findings)


def test_the_destination_is_not_to_be_left_out() -> None:
    findings = [Finding("mesh02", INIT, "there is none"), Finding("mesh03", RELEASE, "new")]
    with pytest.raises(ReleaseFailed, match="ones, or uninstall the canary"):
        purpose_of_all(findings)


def test_one_cluster_is_as_it_ever_was() -> None:
    (only,) = ref().everywhere
    assert (only, only.workload_cluster, only.is_further) == (ref(), "mesh02", False)


def test_every_cluster_has_a_reference_the_destination_first() -> None:
    each = ref("mesh03", "mesh04").everywhere
    assert [one.workload_cluster for one in each] == ["mesh02", "mesh03", "mesh04"]
    assert [one.is_further for one in each] == [False, True, True]
    assert [one.everywhere for one in each] == [(one,) for one in each]


@pytest.mark.parametrize(("address", "asked"), [("", 2), ("http://thanos:9090", 1)])
def test_a_server_of_its_own_is_asked_once(address: str, asked: int) -> None:
    assert len([one for one in ref("mesh03").everywhere if asked_in(one, [check(address)])]) == asked


def test_a_verdict_says_in_which_cluster() -> None:
    verdict = Verdict(check="rate", result=Result.FAILED, reason="rate 66 < 99")
    assert verdict_in("mesh03", verdict).reason == "mesh03: rate 66 < 99"
    assert verdict_in("", verdict) is verdict


def test_reports_are_one_with_the_clusters_names_and_the_destinations_word() -> None:
    reports = [
        ("mesh02", StepReport(notes=("ready",), promoted_by=7, nothing=True)),
        ("mesh03", StepReport(notes=("ready",), warnings=("slow",))),
    ]
    assert merged(reports) == StepReport(
        notes=("mesh02: ready", "mesh03: ready"), warnings=("mesh03: slow",), promoted_by=7
    )


@pytest.mark.parametrize(
    ("mark", "named", "forgotten"),
    [
        ("mesh03", ("mesh03",), ()),
        ("mesh03", ("mesh04", "mesh03"), ()),
        ("", (), ()),
        ("mesh03,mesh04", ("mesh04",), ("mesh03",)),
        ("mesh02", (), ()),
    ],
)
def test_clusters_that_are_marked_and_not_named_are_forgotten(
    mark: str, named: tuple[str, ...], forgotten: tuple[str, ...]
) -> None:
    assert forgotten_clusters(routes(mark), ref(*named)) == forgotten
    assert forgotten_clusters(None, ref(*named)) == ()


def routes(mark: str) -> dict[str, object]:
    metadata = {"name": "podinfo", "namespace": "test", "annotations": {FURTHER: mark}}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata}
