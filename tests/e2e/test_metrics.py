"""What decides on a release: checks with and without data, and templates of the cluster with credentials."""

from pathlib import Path
from typing import Any

import yaml

from tests.e2e import manifests
from tests.e2e.user import Application, serves


def quiet(application: Application, version: str, *metrics: Any, no_data: str = "") -> dict[str, str]:
    """A version that nobody puts under load."""
    canary = manifests.canary(application.name, webhooks=None, **({"metrics": metrics} if metrics else {}))
    canary["metadata"]["annotations"] = {"tidegate.dev/no-data": no_data} if no_data else {}
    return {"podinfo.yaml": yaml.safe_dump_all([manifests.deployment(application.name, version), canary])}


async def test_a_canary_without_traffic_is_rolled_back_as_by_flagger(podinfo: Application) -> None:
    await podinfo.commit_files(quiet(podinfo, "3.1.1"))
    ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert [verdict["missing"] for verdict in ended.canary["verdicts"]] == ["traffic", "traffic"]
    assert (
        f"no values found for metric request-success-rate, probably podinfo.{podinfo.namespace} "
        "is not receiving traffic" in ended.outcome["reason"]
    )


async def test_a_canary_that_only_fails_has_a_success_rate_of_0_percent_and_no_want_of_traffic(
    podinfo: Application,
) -> None:
    """What is asked for fails on the new version alone, on which no request succeeds."""
    load = manifests.load_test(podinfo.namespace)
    load["metadata"]["cmd"] += "healthz"
    checks = [manifests.SUCCESS_RATE]
    await podinfo.commit("3.1.1", "--unhealthy=true", threshold=1, metrics=checks, webhooks=[load])
    ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert ended.outcome["reason"].endswith("1 of 1 failed checks: success rate 0.00% < 99%")
    (verdict,) = ended.canary["verdicts"]
    assert (verdict["result"], verdict["value"], verdict["missing"]) == ("failed", 0, None)
    assert ended.canary["load"]["codes"].keys() == {"503"}
    assert await podinfo.end_state() == serves("3.1.0")


async def test_a_canary_that_waits_for_traffic_is_promoted_once_there_is_some(podinfo: Application) -> None:
    await podinfo.commit_files(quiet(podinfo, "3.1.1", no_data="wait"))
    command = await podinfo.begin()
    await command.until_status(
        lambda status: (
            [each["waits"] for canary in status["canaries"] for each in canary["verdicts"]] == [True, True]
        )
    )
    async with podinfo.observed():
        ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"], ended.canary["failed_checks"]) == (0, "promoted", 0), ended
    halts = [note for note in ended.notes if note.startswith("Halt")]
    assert halts[0].endswith("it waits, and is not counted")
    assert [note for note in ended.notes if " passed at 50 %: success rate 100.00% >= 99%" in note]
    assert await podinfo.end_state() == serves("3.1.1")


async def test_the_cluster_s_template_is_asked_with_its_secret(podinfo: Application, tmp_path: Path) -> None:
    provider = {
        "type": "prometheus",
        "address": podinfo.world.prometheus_url,
        "secretRef": {"name": "credentials"},
    }
    template = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "one"},
        "spec": {"provider": provider, "query": "vector(1) # {{ target }}, {{ variables.a }}"},
    }
    metric = {
        "name": "one",
        "templateRef": {"name": "one"},
        "templateVariables": {"a": "b"},
        "thresholdRange": {"max": 1},
    }
    await podinfo.commit_files(quiet(podinfo, "3.1.1", metric))
    ended = await podinfo.start()
    assert ended.code == 2, ended
    assert f"no MetricTemplate {podinfo.namespace}/one among the manifests, nor in" in ended.outcome["reason"]

    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "credentials"},
        "stringData": {"username": "ann", "password": "x"},
    }
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([template, secret]))
    await podinfo.user.kubectl("mesh02", "-n", podinfo.namespace, "apply", "-f", str(tmp_path / "all.yaml"))
    ended = await podinfo.start()
    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert [verdict["reason"] for verdict in ended.canary["verdicts"]] == ["one 1.00 <= 1"]
    assert any("is not in Git: the cluster's is used" in each for each in ended.outcome["warnings"])
