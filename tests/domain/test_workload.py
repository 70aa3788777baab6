"""What differs between the kinds of targets: taking pods away, bringing them back, counting them."""

from typing import Any

import pytest

from tidegate.domain.workload import DAEMON_SET, DEPLOYMENT, NO_NODE, Counts, kind_of

NOWHERE = {NO_NODE: "true"}
FAST = {"disk": "ssd"}


def daemons(nodes: Any = None, **status: int) -> dict[str, Any]:
    spec = {"containers": []} | ({} if nodes is None else {"nodeSelector": nodes})
    return {"kind": "DaemonSet", "spec": {"template": {"spec": spec}}, "status": status}


def replicas(count: Any = None, **status: int) -> dict[str, Any]:
    spec = {} if count is None else {"replicas": count}
    return {"kind": "Deployment", "spec": spec, "status": status}


def nodes(workload: Any) -> Any:
    return workload["spec"]["template"]["spec"].get("nodeSelector")


@pytest.mark.parametrize(
    ("before", "after"), [(None, NOWHERE), ({}, NOWHERE), (FAST, FAST | NOWHERE), (NOWHERE, NOWHERE)]
)
def test_a_daemon_set_goes_down_by_a_label_that_no_node_has(before: Any, after: Any) -> None:
    down = DAEMON_SET.at_rest(daemons(before), daemons())
    assert (nodes(down), DAEMON_SET.is_down(down)) == (after, True)


@pytest.mark.parametrize(
    ("live", "wanted", "after"),
    [(NOWHERE, None, None), (FAST | NOWHERE, FAST, FAST), (FAST, None, None), (NOWHERE, NOWHERE, None)],
)
def test_a_daemon_set_comes_up_on_the_nodes_that_are_wanted(live: Any, wanted: Any, after: Any) -> None:
    up = DAEMON_SET.up(daemons(live), 1, daemons(wanted))
    assert (nodes(up), DAEMON_SET.is_down(up)) == (after, False)


@pytest.mark.parametrize(
    ("wanted", "live", "after"),
    [
        (FAST, None, FAST | NOWHERE),
        (FAST, daemons(NOWHERE), FAST | NOWHERE),
        (FAST, daemons({"disk": "old"} | NOWHERE), FAST | NOWHERE),
        (FAST, daemons(), FAST),
        (FAST | NOWHERE, daemons(FAST), FAST),
    ],
)
def test_a_daemon_set_stays_down_or_up_as_it_is(wanted: Any, live: Any, after: Any) -> None:
    assert nodes(DAEMON_SET.as_live(daemons(wanted), live)) == after


@pytest.mark.parametrize(
    ("live", "after"), [(None, 0), (replicas(7), 7), (replicas(0), 0), (replicas(), None)]
)
def test_a_deployment_stays_as_large_as_it_is(live: Any, after: int | None) -> None:
    assert DEPLOYMENT.as_live(replicas(3), live)["spec"].get("replicas") == after


def test_whatever_took_its_pods_away_a_template_is_the_same() -> None:
    templates = [DAEMON_SET.template(daemons(each)) for each in (None, {}, NOWHERE)]
    assert templates == [{"spec": {"containers": []}}] * 3


def test_pods_on_nodes_that_are_to_have_none_are_present_yet() -> None:
    status = {"desiredNumberScheduled": 0, "currentNumberScheduled": 0, "numberMisscheduled": 2}
    assert DAEMON_SET.counts(daemons(NOWHERE, **status)) == Counts(0, 0, 0, 0, present=2)


def test_old_pods_of_a_deployment_are_counted() -> None:
    known = DEPLOYMENT.counts(replicas(3, replicas=4, updatedReplicas=3, availableReplicas=2))
    assert known == Counts(wanted=3, updated=3, outdated=1, available=2, present=4)


@pytest.mark.parametrize(
    ("workload", "size"),
    [(replicas(), "1 replica"), (replicas(2), "2 replicas"), (daemons(), "a pod on each of its nodes")],
)
def test_a_size_is_told_in_the_words_of_its_kind(workload: Any, size: str) -> None:
    assert kind_of(workload).size(workload) == size


@pytest.mark.parametrize("workload", [replicas(2), daemons(FAST)])
def test_nothing_is_changed_in_place(workload: Any) -> None:
    kind, before = kind_of(workload), str(workload)
    kind.at_rest(workload, workload), kind.up(workload, 3, workload), kind.as_live(workload, None)
    assert str(workload) == before
