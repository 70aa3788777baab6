"""A version slower than the current one, and within its thresholds: only a comparison sees it."""

import yaml

from tests.e2e import manifests
from tests.e2e.user import Application, serves

POLICY = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "ReleasePolicy",
    "metadata": {"name": "careful"},
    "spec": {
        "canaryRef": {"name": "podinfo"},
        "comparison": {
            "with": "primary",
            "metrics": [{"name": "request-duration"}],
            "minimumSamples": 5,
            "step": "1s",
            "window": "1m",
        },
    },
}


async def test_a_slower_version_within_its_thresholds_is_rolled_back(podinfo: Application) -> None:
    delay = [f"--random-delay-{name}" for name in ("unit=ms", "min=100", "max=200")]
    slow = manifests.podinfo(podinfo.name, "3.1.1", "--random-delay=true", *delay, threshold=2, interval="3s")
    await podinfo.commit_files({"podinfo.yaml": slow, "policy.yaml": yaml.safe_dump(POLICY)})
    async with podinfo.observed():
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert "request duration of canary is higher: " in ended.outcome["reason"]
    assert " of primary, +" in ended.outcome["reason"]
    results = {verdict["check"]: verdict["result"] for verdict in ended.canary["verdicts"]}
    assert results["request-duration"] == "passed"
    assert await podinfo.end_state() == serves("3.1.0")
