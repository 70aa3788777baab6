"""A version slower than the current one, and within its thresholds: only a comparison sees it."""

from typing import Any

import yaml

from tests.e2e import manifests
from tests.e2e.user import Application, serves

SLOW = (
    "--random-delay=true",
    "--random-delay-unit=ms",
    "--random-delay-min=100",
    "--random-delay-max=200",
)


def policy(other: str) -> str:
    comparison = {
        "with": other,
        "metrics": [{"name": "request-duration"}],
        "minimumSamples": 5,
        "step": "1s",
        "window": "1m",
    }
    return yaml.safe_dump(
        {
            "apiVersion": "tidegate.dev/v1alpha1",
            "kind": "ReleasePolicy",
            "metadata": {"name": "careful"},
            "spec": {"canaryRef": {"name": "podinfo"}, "comparison": comparison},
        }
    )


async def test_a_slower_version_within_its_thresholds_is_rolled_back(podinfo: Application) -> None:
    slow = manifests.podinfo(podinfo.name, "3.1.1", *SLOW, threshold=2, interval="3s")
    await podinfo.commit_files({"podinfo.yaml": slow, "policy.yaml": policy("primary")})
    async with podinfo.observed():
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert "request duration of canary is higher: " in ended.outcome["reason"]
    assert " of primary, +" in ended.outcome["reason"]
    results = {verdict["check"]: verdict["result"] for verdict in ended.canary["verdicts"]}
    assert results["request-duration"] == "passed"
    assert await podinfo.end_state() == serves("3.1.0")


async def test_a_fresh_baseline_shares_the_traffic_is_compared_with_and_goes(podinfo: Application) -> None:
    async with podinfo.observed() as seen:
        good = await released(podinfo, "3.1.1")
        assert (good.code, good.outcome["outcome"]) == (0, "promoted"), good
        assert await podinfo.end_state() == serves("3.1.1")
        assert await baselines(podinfo) == []

        slow = await released(podinfo, "3.1.2", *SLOW)
        assert (slow.code, slow.outcome["outcome"]) == (1, "rolled back"), slow
        assert await podinfo.end_state() == serves("3.1.1")
        assert await baselines(podinfo) == []

    assert "podinfo-baseline is ready with 1 replica, and runs what podinfo-primary runs" in good.notes
    name = f"podinfo.{podinfo.namespace}"
    assert f"Advance {name} canary weight 50, baseline weight 50" in good.notes
    assert any("of canary is alike: " in note and " of baseline, " in note for note in good.notes), good.notes
    assert "request duration of canary is higher: " in slow.outcome["reason"]
    assert " of baseline, +" in slow.outcome["reason"]
    assert set(seen.answers) == {200}


async def released(podinfo: Application, version: str, *flags: str) -> Any:
    """A release under the load at the gateway alone: a load test at the canary would spoil the comparison."""
    text = manifests.podinfo(podinfo.name, version, *flags, interval="3s", webhooks=None)
    await podinfo.commit_files({"podinfo.yaml": text, "policy.yaml": policy("baseline")})
    return await podinfo.start()


async def baselines(podinfo: Application) -> list[str]:
    """What of a baseline is left in either cluster."""
    kinds = {"mesh02": "deployment,service", "asm": "destinationrule,virtualservice"}
    found = [
        await podinfo.user.kubectl(cluster, "-n", podinfo.namespace, "get", kind, "-o", "name")
        for cluster, kind in kinds.items()
    ]
    return [line for text in found for line in text.splitlines() if "baseline" in line]
