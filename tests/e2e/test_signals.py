"""People steer a release that is under way: by the command line, and by Temporal's own."""

import asyncio
import time

import pytest

from tests.e2e.user import Application, Baking, serves, until


async def test_a_pause_holds_the_traffic_and_its_time_does_not_count(podinfo: Application) -> None:
    await podinfo.commit("3.1.1", interval="3s")
    command = await podinfo.begin()
    await podinfo.until_weight(25)
    await podinfo.tell("pause")
    await command.until_phase("Paused")
    paused, weight = time.monotonic(), await podinfo.weight()
    assert weight in (25, 50), "it was paused in one of its bakes"
    await asyncio.sleep(3.5)  # longer than the bake
    assert await podinfo.weight() == weight

    held = time.monotonic() - paused
    await podinfo.tell("resume")
    ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    bakes = [stage["seconds"] for stage in ended.canary["stages"] if stage["stage"].startswith("Bake")]
    assert max(bakes) > held + 2.9


async def test_a_promotion_skips_what_is_left_of_the_analysis(baking: Baking) -> None:
    await baking.application.tell("promote")
    ended = await baking.command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert await baking.application.end_state() == serves("3.1.1")


async def test_an_abort_in_mid_bake_brings_the_traffic_back_at_once(baking: Baking) -> None:
    async with baking.application.observed() as seen:
        await baking.application.tell("abort", "--reason", "it smells")
        await baking.application.until_weight(0)
        ended = await baking.command.ended()

    assert (ended.code, ended.outcome["outcome"], ended.outcome["reason"]) == (3, "aborted", "it smells")
    assert set(seen.answers) == {200}
    assert await baking.application.end_state() == serves("3.1.0")


async def test_temporals_own_command_line_steers_without_arguments(baking: Baking) -> None:
    application = baking.application
    await signal(application, "pause")
    await baking.command.until_phase("Paused")
    await signal(application, "resume")
    await baking.command.until_phase("Progressing")
    await signal(application, "abort")
    ended = await baking.command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (3, "aborted")
    assert await application.end_state() == serves("3.1.0")


async def test_a_cancellation_in_temporal_rolls_back(baking: Baking) -> None:
    application = baking.application
    await application.user.temporal("workflow", "cancel", "--workflow-id", application.workflow_id)
    ended = await baking.command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (3, "aborted")
    assert await application.end_state() == serves("3.1.0")


@pytest.mark.parametrize("victim", ["canary_id", "workflow_id"])
async def test_a_termination_in_temporal_leaves_no_half_state(baking: Baking, victim: str) -> None:
    application = baking.application
    workflow_id = getattr(application, victim)
    await application.user.temporal("workflow", "terminate", "--workflow-id", workflow_id, "--reason", "test")
    ended = await baking.command.ended()

    async def put_right() -> bool:
        return await application.end_state() == serves("3.1.0")

    assert (ended.code, ended.outcome["outcome"]) == (3, "aborted"), ended
    assert "terminated" in ended.outcome["reason"]
    await until(put_right)


async def signal(application: Application, name: str) -> None:
    arguments = ("workflow", "signal", "--workflow-id", application.workflow_id, "--name", name)
    await application.user.temporal(*arguments)
