"""Something goes wrong in mid-release, and the release goes on."""

import json

from tests.e2e.conftest import Worker
from tests.e2e.user import Application, Baking, serves


async def test_a_worker_killed_in_mid_bake_is_followed_by_another(
    podinfo: Application, worker: Worker
) -> None:
    await podinfo.commit("3.1.1", interval="3s", stepWeights=[50], stepWeight=None)
    command = await podinfo.begin()
    await podinfo.until_weight(50)
    await worker.kill()
    await worker.start()
    ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    (bake,) = [each["seconds"] for each in ended.canary["stages"] if each["stage"].startswith("Bake")]
    assert bake >= 3
    assert await podinfo.end_state() == serves("3.1.1")


async def test_weights_that_somebody_edits_are_corrected_at_the_next_step_and_told(
    podinfo: Application,
) -> None:
    await podinfo.commit("3.1.1", interval="2s")
    command = await podinfo.begin()
    await podinfo.until_weight(25)
    edit = [
        {"op": "replace", "path": f"/spec/http/0/route/{n}/weight", "value": w}
        for n, w in enumerate((90, 10))
    ]
    arguments = ("patch", "virtualservice", "podinfo", "--type=json", "-p", json.dumps(edit))
    await podinfo.user.kubectl("asm", "-n", podinfo.name, *arguments)
    await podinfo.until_weight(50)
    ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    (told,) = [note for note in ended.notes if note.startswith("VirtualService")]
    assert told.endswith("was changed by kubectl-patch: weights 90/10 instead of 75/25; corrected")


async def test_a_target_that_somebody_changes_in_mid_bake_is_not_promoted(baking: Baking) -> None:
    application = baking.application
    image = "podinfod=stefanprodan/podinfo:3.1.2"
    await application.user.kubectl("mesh02", "-n", application.name, "set", "image", "deploy/podinfo", image)
    await application.tell("promote")
    ended = await baking.command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert ended.outcome["reason"].endswith(
        f"Deployment {application.name}/podinfo was changed by kubectl-set during the analysis: "
        "what was judged is not what Git describes"
    )
    assert await application.end_state() == serves("3.1.0")
