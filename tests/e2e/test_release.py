"""A release from Git to its end, as its user sees it."""

import json
from typing import NamedTuple

import pytest
import yaml

from tests.e2e import manifests
from tests.e2e.conftest import NewApplication, Worker
from tests.e2e.user import Application, Baking, Ended, Observed, serves


class Promoted(NamedTuple):
    """A promotion, and what was seen of it from outside."""

    application: Application
    ended: Ended
    seen: Observed


@pytest.fixture(scope="module")
async def promoted(new_application: NewApplication, worker: Worker) -> Promoted:
    application = await new_application()
    await application.initialise()
    await application.commit("3.1.1")
    async with application.observed() as seen:
        ended = await application.start()
    return Promoted(application, ended, seen)


async def test_the_first_version_is_initialised(application: Application) -> None:
    await application.commit("3.1.0")
    ended = await application.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "initialised"), ended
    assert await application.end_state() == serves("3.1.0")


async def test_a_good_version_is_promoted(promoted: Promoted) -> None:
    assert (promoted.ended.code, promoted.ended.outcome["outcome"]) == (0, "promoted"), promoted.ended
    assert await promoted.application.end_state() == serves("3.1.1")


def test_a_promotion_moves_the_traffic_step_by_step(promoted: Promoted) -> None:
    assert promoted.seen.weights == [0, 25, 50, 0]


def test_no_request_fails_during_a_promotion(promoted: Promoted) -> None:
    assert set(promoted.seen.answers) == {200}
    assert promoted.seen.answers[200] > 100


def test_every_check_is_reported_with_its_number(promoted: Promoted) -> None:
    values = {verdict["check"]: verdict["value"] for verdict in promoted.ended.canary["verdicts"]}
    assert values["request-success-rate"] == 100
    assert 0 < values["request-duration"] < 500
    assert promoted.ended.canary["load"]["codes"].keys() == {"200"}


async def test_a_release_is_found_by_its_search_attributes(promoted: Promoted) -> None:
    user, workflow_id = promoted.application.user, promoted.application.workflow_id
    query = "TidegatePhase = 'Succeeded' AND TidegateCluster = 'mesh02'"
    found = json.loads(await user.temporal("workflow", "list", "--query", query, "-o", "json"))
    assert workflow_id in [each["execution"]["workflowId"] for each in found]

    (listed,) = (await user.starter("list", "--json")).documents
    row = next(each for each in listed["releases"] if each["workflow_id"] == workflow_id)
    assert (row["phase"], row["running"]) == ("Succeeded", False)
    assert row["revision"] == promoted.ended.outcome["sha"]


async def test_a_bad_version_is_rolled_back_and_tried_again_when_it_is_started_again(
    podinfo: Application,
) -> None:
    # One request in nine is a server error: of so many, no bake can see none.
    load = manifests.load_test(podinfo.name, rate=60)
    await podinfo.commit("3.1.1", "--random-error=true", threshold=1, webhooks=[load])
    for _ in range(2):
        async with podinfo.observed() as seen:
            ended = await podinfo.start()

        assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
        assert (seen.weights, ended.canary["failed_checks"]) == ([0, 25, 0], 1)
        assert "success rate" in ended.outcome["reason"]
        assert await podinfo.end_state() == serves("3.1.0")


async def test_a_promotion_is_taken_back_at_once_by_a_start_that_skips_the_analysis(
    podinfo: Application,
) -> None:
    before = (await podinfo.git("-C", str(podinfo.repository), "rev-parse", "HEAD")).strip()
    await podinfo.commit("3.1.1", interval="10m")
    for revision, version in (("latest", "3.1.1"), (before, "3.1.0")):
        async with podinfo.observed() as seen:
            ended = await podinfo.start("--revision", revision, "--promote")

        assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
        assert (seen.weights, set(seen.answers)) == ([0], {200})
        assert await podinfo.end_state() == serves(version)


async def test_a_slow_version_is_rolled_back(podinfo: Application) -> None:
    slow = (
        "--random-delay=true",
        "--random-delay-unit=ms",
        "--random-delay-min=600",
        "--random-delay-max=900",
    )
    await podinfo.commit("3.1.1", *slow, threshold=1, interval="3s")
    ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert "request duration" in ended.outcome["reason"]
    assert await podinfo.end_state() == serves("3.1.0")


async def test_an_image_that_is_not_there_is_rolled_back_at_the_progress_deadline(
    podinfo: Application,
) -> None:
    deployment = manifests.deployment(podinfo.namespace, "3.1.1")
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/nowhere:1"
    canary = manifests.canary(podinfo.namespace)
    canary["spec"]["progressDeadlineSeconds"] = 14
    await podinfo.commit_files({"podinfo.yaml": yaml.safe_dump_all([deployment, canary])})
    async with podinfo.observed() as seen:
        command = await podinfo.begin()
        await command.until_status(
            lambda status: any("ImagePull" in each["waiting_for"] for each in status["canaries"])
        )
        ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert "ErrImagePull" in ended.outcome["reason"] or "ImagePullBackOff" in ended.outcome["reason"]
    assert (seen.weights, set(seen.answers)) == ([0], {200})
    assert await podinfo.end_state() == serves("3.1.0")


async def test_what_is_unchanged_is_left_alone(podinfo: Application) -> None:
    async with podinfo.observed() as seen:
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "unchanged"), ended
    assert seen.weights == [0]
    assert await podinfo.end_state() == serves("3.1.0")


async def test_the_temporal_ui_shows_where_a_release_stands(baking: Baking) -> None:
    temporal, application = baking.application.user.temporal, baking.application
    shown = await temporal("workflow", "metadata", "--workflow-id", application.canary_id)
    wanted = ("primary 75 %, canary 25 %", "the bake's end at", "`abort`")
    assert [words for words in wanted if words not in shown] == [], shown

    described = await temporal("workflow", "describe", "--workflow-id", application.workflow_id, "-o", "json")
    assert f"{application.name} to mesh02/{application.namespace}" in described
    await application.tell("abort")
    await baking.command.ended()


async def test_a_metric_template_is_asked_at_its_in_cluster_address(podinfo: Application) -> None:
    template = manifests.request_rate("http://prometheus.istio-system:9090")
    check = {"name": "rate", "interval": "2s", "templateRef": {"name": "rate"}, "thresholdRange": {"min": 5}}
    files = manifests.podinfo(podinfo.name, "3.1.1", stepWeights=[50], stepWeight=None, metrics=[check])
    await podinfo.commit_files({"podinfo.yaml": files, "template.yaml": template})
    ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert [(verdict["check"], verdict["value"] >= 5) for verdict in ended.canary["verdicts"]] == [
        ("rate", True)
    ]
