"""In which order an uninstallation gives a canary's objects back, and what excludes it."""

import pytest
from temporalio.exceptions import ApplicationError

from tests.workflows.neighbours import Handle, Stage, release_plan, release_request
from tidegate.contracts import ABORT, Disposition, Fence, Mode, ReleaseOutcome
from tidegate.domain.release import Outcome

DENIED = ApplicationError("cluster mesh02 denied access", type="AccessDenied", non_retryable=True)
IN_ORDER = ["find", "raise_target podinfo", "hand_over podinfo", "remove podinfo"]


async def uninstall(
    stage: Stage, *canaries: str, forgotten: tuple[str, ...] = ()
) -> tuple[Handle, Disposition]:
    request = release_request(mode=Mode.UNINSTALL, canaries=canaries, forgotten=forgotten)
    handle, submission = await stage.submit(request)
    return handle, submission.disposition


async def test_the_target_is_up_before_traffic_goes_over_and_the_primary_goes_last(stage: Stage) -> None:
    stage.neighbours.fence = late = Fence(epoch=1, sequence=1)
    handle, disposition = await uninstall(stage)
    outcome: ReleaseOutcome = await handle.result()
    assert disposition is Disposition.STARTED
    assert (outcome.outcome, outcome.outcome.exit_code) == (Outcome.UNINSTALLED, 0)
    assert outcome.reason == "podinfo.test was uninstalled: its target serves all traffic by itself"
    assert stage.neighbours.calls == IN_ORDER
    assert stage.neighbours.fences == sorted(stage.neighbours.fences, key=lambda fence: fence.sequence)
    assert late.is_older_than(stage.neighbours.fences[0])
    assert [note.text for note in outcome.canaries[0].notes] == [
        "ConfigMap flags differs",
        "Deployment test/podinfo-primary was removed",
    ]


@pytest.mark.parametrize("step", ["raise_target", "hand_over", "remove"])
async def test_a_step_that_is_refused_ends_it_and_says_how_it_goes_on(stage: Stage, step: str) -> None:
    stage.neighbours.fail = {step: [DENIED]}
    handle, _ = await uninstall(stage)
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, outcome.reason) == (
        Outcome.FAILED,
        "podinfo.test is not uninstalled: cluster mesh02 denied access; mend it, then "
        "`tidegate uninstall podinfo@mesh02/test` goes on",
    )
    last = next(index for index, call in enumerate(IN_ORDER) if call.startswith(step))
    assert stage.neighbours.calls == IN_ORDER[: last + 1]


@pytest.mark.parametrize("name", ["podinfo1", "podinfo1.test"])
async def test_only_those_that_were_named_are_uninstalled(stage: Stage, name: str) -> None:
    stage.neighbours.canaries = 3
    handle, _ = await uninstall(stage, name)
    assert (await handle.result()).outcome is Outcome.UNINSTALLED
    assert {call.split()[-1] for call in stage.neighbours.calls[1:]} == {"podinfo1"}


async def test_a_name_that_is_not_there_is_bad_input(stage: Stage) -> None:
    handle, _ = await uninstall(stage, "poodinfo")
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome.exit_code, outcome.reason) == (2, "no canary poodinfo is known to its clusters")
    assert stage.neighbours.calls == ["find"]


async def test_a_further_cluster_that_is_gone_is_forgotten(stage: Stage) -> None:
    stage.neighbours.further = ("mesh03", "mesh04")
    handle, _ = await uninstall(stage, forgotten=("mesh03",))
    outcome: ReleaseOutcome = await handle.result()
    assert outcome.outcome is Outcome.UNINSTALLED
    assert outcome.warnings == ("nothing was given back in cluster mesh03, which is forgotten",)
    assert stage.neighbours.calls.count("remove podinfo") == 2


async def test_one_that_is_to_forget_a_cluster_is_not_the_one_that_waits_for_it(stage: Stage) -> None:
    stage.neighbours.further = ("mesh03",)
    stage.neighbours.hang = {"hand_over"}
    handle, _ = await uninstall(stage)
    await stage.until(lambda: "hand_over podinfo" in stage.neighbours.calls)
    for _ in range(2):
        assert (await uninstall(stage, forgotten=("mesh03",)))[1] is Disposition.QUEUED
    stage.neighbours.hang.clear()
    outcome: ReleaseOutcome = await handle.result()
    assert outcome.warnings == ("nothing was given back in cluster mesh03, which is forgotten",)


async def test_beside_a_name_that_is_not_there_no_cluster_is_complained_of(stage: Stage) -> None:
    stage.neighbours.further = ("mesh03",)
    handle, _ = await uninstall(stage, "poodinfo", forgotten=("mesh03",))
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome.exit_code, outcome.reason) == (2, "no canary poodinfo is known to its clusters")


async def test_a_cluster_that_is_not_a_further_one_is_not_forgotten(stage: Stage) -> None:
    handle, _ = await uninstall(stage, forgotten=("mesh02",))
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome.exit_code, stage.neighbours.calls) == (2, ["find"])
    assert outcome.reason == "mesh02 is no further cluster of what is uninstalled"


async def test_without_any_canary_there_is_nothing_to_uninstall(stage: Stage) -> None:
    stage.neighbours.canaries = 0
    handle, _ = await uninstall(stage)
    assert (await handle.result()).outcome is Outcome.UNCHANGED


async def test_a_canary_that_no_release_holds_is_left_alone(stage: Stage) -> None:
    stage.neighbours.nothing_installed = True
    handle, _ = await uninstall(stage)
    outcome: ReleaseOutcome = await handle.result()
    assert (outcome.outcome, outcome.canaries[0].reason) == (
        Outcome.UNCHANGED,
        "podinfo.test: nothing to uninstall, no release has left anything",
    )
    assert stage.neighbours.calls == IN_ORDER[:2]


async def test_uninstallations_of_different_canaries_wait_one_after_the_other(stage: Stage) -> None:
    stage.neighbours.canaries = 3
    stage.neighbours.hang = {"hand_over"}
    handle, _ = await uninstall(stage, "podinfo")
    await stage.until(lambda: "hand_over podinfo" in stage.neighbours.calls)
    for name in ("podinfo1", "podinfo2", "podinfo2"):
        assert (await uninstall(stage, name))[1] is Disposition.QUEUED
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.UNINSTALLED
    removed = [call.split()[-1] for call in stage.neighbours.calls if call.startswith("remove")]
    assert removed == ["podinfo", "podinfo1", "podinfo2"]


async def test_it_is_refused_while_a_release_runs(stage: Stage) -> None:
    stage.neighbours.plan = release_plan(seconds=0.2, drain=0.1)
    stage.neighbours.hang = {"scale_up"}
    handle, _ = await stage.submit(release_request())
    await stage.until(lambda: "scale_up" in stage.neighbours.calls)
    _, disposition = await uninstall(stage)
    assert disposition is Disposition.REJECTED
    stage.neighbours.hang.clear()
    assert (await handle.result()).outcome is Outcome.PROMOTED


async def test_others_wait_for_its_end_and_the_same_attaches(stage: Stage) -> None:
    stage.neighbours.plan = release_plan(seconds=0.2, drain=0.1)
    stage.neighbours.hang = {"hand_over"}
    handle, _ = await uninstall(stage)
    await stage.until(lambda: "hand_over podinfo" in stage.neighbours.calls)
    assert (await uninstall(stage))[1] is Disposition.ATTACHED
    assert (await uninstall(stage, "podinfo1"))[1] is Disposition.QUEUED
    _, submission = await stage.submit(release_request())
    assert submission.disposition is Disposition.QUEUED
    await handle.signal(ABORT)
    stage.neighbours.hang.clear()
    outcome: ReleaseOutcome = await handle.result()
    assert outcome.outcome is Outcome.PROMOTED
    done = stage.neighbours.calls
    assert done.index("remove podinfo") < done.index("apply " + "a" * 40)
