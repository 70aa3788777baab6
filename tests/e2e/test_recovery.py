"""A release is terminated together with its canary while no worker is there, and its traffic comes back."""

from tests.e2e.conftest import Worker
from tests.e2e.user import Application, Baking, serves


async def cut_off(baking: Baking, worker: Worker) -> Application:
    """Nobody is left to compensate: a quarter of the traffic stays on the canary."""
    application = baking.application
    await worker.kill()
    for workflow_id in (application.workflow_id, application.canary_id):
        await application.user.temporal("workflow", "terminate", "--workflow-id", workflow_id)
    await worker.start()
    assert await application.weight() == 25
    return application


async def test_a_recovery_puts_right_what_a_terminated_release_left_without_git(
    baking: Baking, worker: Worker
) -> None:
    application = await cut_off(baking, worker)
    application.lose_git()
    status = await application.status()
    assert f"`tidegate recover {application.name}@mesh02/{application.name}`" in status["left_behind"]
    ended = await application.tell("recover", "--json")

    assert ended.outcome["outcome"] == "recovered", ended
    assert "was put right: traffic 75/25, podinfo has " in ended.outcome["reason"]
    assert await application.end_state() == serves("3.1.0")
    (warning,) = ended.outcome["warnings"]
    assert warning.startswith("a canary whose VirtualService was deleted would not be seen"), ended
    again = await application.tell("recover", "--json")
    assert again.outcome["outcome"] == "unchanged", again


async def test_a_recovery_needs_no_record_in_temporal(baking: Baking, worker: Worker) -> None:
    application = await cut_off(baking, worker)
    for workflow_id in (application.workflow_id, application.canary_id):
        await application.user.temporal("workflow", "delete", "--yes", "--workflow-id", workflow_id)
    ended = await application.user.starter("recover", "-f", str(application.file), "--json")

    assert (ended.code, ended.outcome["outcome"]) == (0, "recovered"), ended
    assert await application.end_state() == serves("3.1.0")


async def test_the_next_start_puts_right_what_a_terminated_release_left(
    baking: Baking, worker: Worker
) -> None:
    application = await cut_off(baking, worker)
    await application.commit("3.1.0")
    ended = await application.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "unchanged"), ended
    assert await application.end_state() == serves("3.1.0")


async def test_a_start_that_git_refuses_has_brought_the_traffic_back_all_the_same(
    baking: Baking, worker: Worker
) -> None:
    application = await cut_off(baking, worker)
    ended = await application.start("--no-validate", "--revision", "no-such-branch")

    assert (ended.code, ended.outcome["outcome"]) == (2, "invalid"), ended
    weights = await application.virtual_service_weights()
    assert weights == {"podinfo-primary": 100, "podinfo-canary": 0}, ended
    (warning,) = ended.outcome["warnings"]
    assert warning.endswith("was left with traffic 75/25; routing it back to 100/0"), ended
