"""A release by a ReleasePolicy: its own steps, judged by enough requests, beside a dry run that fails."""

from typing import Any

import yaml

from tests.e2e import manifests
from tests.e2e.user import Application, serves

CHECK = {"interval": "4s"}
TOO_SLOW = manifests.DURATION | CHECK | {"thresholdRange": {"max": 0}}


def careful(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "ReleasePolicy",
        "metadata": {"name": "careful"},
        "spec": {"canaryRef": {"name": "podinfo"}} | spec,
    }


async def test_a_policy_has_its_own_steps_its_dry_runs_and_enough_requests(podinfo: Application) -> None:
    policy = careful(
        steps=[{"weight": 0.5}, {"weight": 40, "duration": "1s", "checks": ["request-success-rate"]}],
        analysis={"minimumRequests": 60, "checks": [{"name": "request-duration", "dryRun": True}]},
    )
    version = manifests.podinfo(podinfo.name, "3.1.1", metrics=[manifests.SUCCESS_RATE | CHECK, TOO_SLOW])
    await podinfo.commit_files({"podinfo.yaml": version, "policy.yaml": yaml.safe_dump(policy)})
    ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"], ended.canary["failed_checks"]) == (0, "promoted", 0), ended
    name = f"podinfo.{podinfo.namespace}"
    advanced = [note for note in ended.notes if note.startswith(f"Advance {name}")]
    assert advanced == [f"Advance {name} canary weight {weight}" for weight in (0.5, 40)]
    assert any(
        note.startswith("Halt") and "of the 60 requests that request-success-rate needs; it waits" in note
        for note in ended.notes
    ), ended.notes
    (passed,) = (note for note in ended.notes if "passed at 0.5 %" in note)
    assert passed.endswith("> 0ms; dry run, not counted")
    assert [verdict["check"] for verdict in ended.canary["verdicts"]] == ["request-success-rate"]
    synced = {each["object"]: each["action"] for each in ended.outcome["objects"]}
    assert synced[f"ReleasePolicy {podinfo.namespace}/careful"] == "read"
    assert await podinfo.end_state() == serves("3.1.1")
