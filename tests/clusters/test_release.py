"""One canary in two clusters under real traffic: both are promoted, or both stay as they are."""

import yaml

from tests.clusters.conftest import Wide
from tests.e2e import manifests
from tests.e2e.test_comparison import policy
from tests.e2e.user import Ended, Observed, serves

NEW_IN_BOTH = ["stefanprodan/podinfo:3.1.1 1"] * 2
OLD_IN_BOTH = ["stefanprodan/podinfo:3.1.0 1"] * 2
SITE = {"name": "FAULTY", "valueFrom": {"configMapKeyRef": {"name": "site", "key": "faulty"}}}


async def released(wide: Wide) -> tuple[Ended, Observed]:
    async with wide.observed() as seen:
        ended = await wide.start()
    return ended, seen


def depending_on_the_site(wide: Wide) -> str:
    """Version 3.1.1, which fails where the ConfigMap `site` says so."""
    deployment = manifests.deployment(wide.namespace, "3.1.1", "--random-error=$(FAULTY)")
    deployment["spec"]["template"]["spec"]["containers"][0]["env"] = [SITE]
    load = manifests.load_test(wide.namespace, rate=60)
    canary = manifests.canary(wide.namespace, threshold=1, webhooks=[load])
    return yaml.safe_dump_all([deployment, canary])


async def test_both_clusters_serve_and_are_promoted(wide: Wide) -> None:
    assert await wide.commands("podinfo-primary") == OLD_IN_BOTH
    await wide.commit("3.1.1")
    ended, seen = await released(wide)
    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert await wide.commands("podinfo-primary") == NEW_IN_BOTH
    assert await wide.commands("podinfo") == ["stefanprodan/podinfo:3.1.1 0"] * 2
    assert await wide.end_state() == serves("3.1.1")
    assert (seen.weights, set(seen.answers)) == ([0, 25, 50, 0], {200})
    reasons = [verdict["reason"] for verdict in ended.canary["verdicts"]]
    assert [reason.partition(":")[0] for reason in reasons] == ["mesh02"] * 2 + ["mesh03"] * 2


async def test_a_version_that_fails_in_one_cluster_only_takes_both_back(wide: Wide) -> None:
    for cluster, faulty in (("mesh02", "false"), ("mesh03", "true")):
        site = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "site"}}
        file = wide.folder / "site.yaml"
        file.write_text(yaml.safe_dump({**site, "data": {"faulty": faulty}}))
        await wide.user.kubectl(cluster, "-n", wide.namespace, "apply", "-f", str(file))
    await wide.commit_files({"podinfo.yaml": depending_on_the_site(wide)})
    ended, _ = await released(wide)
    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert ended.canary["reason"].startswith("1 of 1 failed checks: mesh03: success rate"), ended.canary
    assert await wide.commands("podinfo-primary") == OLD_IN_BOTH
    assert await wide.end_state() == serves("3.1.0")
    (target,) = set(await wide.commands("podinfo"))
    assert target == "stefanprodan/podinfo:3.1.1 0"


async def test_an_uninstallation_gives_both_clusters_back_without_a_lost_request(wide: Wide) -> None:
    async with wide.observed() as seen:
        ended = await wide.tell("uninstall", "--json")
    assert ended.outcome["outcome"] == "uninstalled", ended
    assert await wide.commands("podinfo") == OLD_IN_BOTH
    assert not any(await wide.in_both("get", "deploy", "podinfo-primary", "--ignore-not-found", "-o", "name"))
    assert (await wide.version(), set(seen.answers)) == ("3.1.0", {200})


async def test_each_cluster_compares_with_a_baseline_of_its_own_and_removes_it(wide: Wide) -> None:
    text = manifests.podinfo(wide.namespace, "3.1.1", interval="3s", webhooks=None)
    await wide.commit_files({"podinfo.yaml": text, "policy.yaml": policy("baseline")})
    ended, seen = await released(wide)
    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    checks = [verdict["check"] for verdict in ended.canary["verdicts"]]
    assert checks.count("request-duration against baseline") == 2, checks
    left = await wide.in_both("get", "deploy,service", "-o", "name")
    left.append(await wide.user.kubectl("asm", "-n", wide.namespace, "get", "destinationrule", "-o", "name"))
    assert not any("baseline" in each for each in left)
    assert (await wide.end_state(), set(seen.answers)) == (serves("3.1.1"), {200})
