"""A policy that freezes releases and asks for two approvals: people let it through, by name."""

import yaml

from tests.e2e import manifests
from tests.e2e.test_policies import careful
from tests.e2e.user import Application, serves


async def test_people_let_a_release_through_a_freeze_and_to_its_promotion(podinfo: Application) -> None:
    policy = careful(
        freezes=[
            {"schedule": "0 0 * * *", "duration": "24h", "timeZone": "Europe/Berlin", "reason": "audit"}
        ],
        approvals=[{"before": "promotion", "quorum": 2, "approvers": ["ann", "bob", "eve"]}],
    )
    version = manifests.podinfo(podinfo.name, "3.1.1")
    await podinfo.commit_files({"podinfo.yaml": version, "policy.yaml": yaml.safe_dump(policy)})
    command = await podinfo.begin("--no-validate")
    await command.until_phase("Waiting")
    assert await podinfo.target_replicas() == "0"
    await podinfo.tell("approve", "--gate", "freeze", "--by", "ann")

    await command.until_phase("WaitingPromotion")
    refused = await podinfo.user.starter(
        "approve", f"{podinfo.name}@mesh02/{podinfo.namespace}", "--by", "mallory"
    )
    assert refused.code == 2, refused
    for name in ("ann", "ann", "eve"):
        await podinfo.tell("approve", "--by", name)
    ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert any(note.endswith("is open, by ann, eve") for note in ended.notes), ended.notes
    assert await podinfo.end_state() == serves("3.1.1")
