"""A release from Git to its end, as its user sees it."""

from tests.e2e.user import Application, serves


async def test_the_first_version_is_initialised(application: Application) -> None:
    await application.commit("3.1.0")
    ended = await application.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "initialised")
    assert await application.end_state() == serves("3.1.0")


async def test_a_good_version_takes_the_traffic_step_by_step_and_is_promoted(podinfo: Application) -> None:
    await podinfo.commit("3.1.1")
    async with podinfo.observed() as seen:
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert seen.weights == [0, 25, 50, 0]
    assert set(seen.answers) == {200}
    assert [verdict["check"] for verdict in ended.canary["verdicts"]] == [
        "request-success-rate",
        "request-duration",
    ]
    assert all(verdict["value"] is not None for verdict in ended.canary["verdicts"])
    assert await podinfo.end_state() == serves("3.1.1")


async def test_a_bad_version_is_rolled_back_and_tried_again_when_it_is_started_again(
    podinfo: Application,
) -> None:
    await podinfo.commit("3.1.1", "--random-error=true", threshold=1)
    for _ in range(2):
        async with podinfo.observed() as seen:
            ended = await podinfo.start()

        assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
        assert (seen.weights, ended.canary["failed_checks"]) == ([0, 25, 0], 1)
        assert "success rate" in ended.outcome["reason"]
        assert await podinfo.end_state() == serves("3.1.0")


async def test_what_is_unchanged_is_left_alone(podinfo: Application) -> None:
    async with podinfo.observed() as seen:
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "unchanged")
    assert seen.weights == [0]
    assert await podinfo.end_state() == serves("3.1.0")
