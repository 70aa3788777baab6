"""Bad input: one line that names the file, the field and the mend; exit code 2; nothing is changed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import yaml

from tests.e2e import manifests
from tests.e2e.conftest import NewApplication, Worker
from tests.e2e.user import Application, Ended

Files = Callable[[str], dict[str, str]]


def canary(**analysis: Any) -> Files:
    return lambda name: {"podinfo.yaml": manifests.podinfo(name, "3.1.1", **analysis)}


def suspended(name: str) -> dict[str, str]:
    canary = manifests.canary(name)
    canary["spec"]["suspend"] = True
    return {"podinfo.yaml": yaml.safe_dump_all([manifests.deployment(name, "3.1.1"), canary])}


def without_target(name: str) -> dict[str, str]:
    return {"podinfo.yaml": yaml.safe_dump(manifests.canary(name))}


def two_canaries(name: str) -> dict[str, str]:
    second = manifests.canary(name)
    second["metadata"]["name"] = "second"
    return {"podinfo.yaml": manifests.podinfo(name, "3.1.1"), "second.yaml": yaml.safe_dump(second)}


def unbuildable(name: str) -> dict[str, str]:
    return {"kustomization.yaml": "resources: [nowhere.yaml]\n"}


def customised(name: str) -> dict[str, str]:
    bad = manifests.podinfo(name, "3.1.1", canaryReadyThreshold=150)
    return {"kustomization.yaml": "resources: [podinfo.yaml]\n", "podinfo.yaml": bad}


UNTEMPLATED = {"name": "latency", "thresholdRange": {"max": 500}}

MANIFESTS: dict[str, tuple[Files, tuple[str, ...]]] = {
    "both kinds of steps": (
        canary(stepWeights=[10, 20]),
        ("podinfo.yaml", "spec.analysis", "both stepWeight and stepWeights", "keep one"),
    ),
    "weights that do not rise": (
        canary(stepWeight=None, stepWeights=[20, 10]),
        ("podinfo.yaml", "spec.analysis", "20, 10", "let them rise"),
    ),
    "a weight over 100": (
        canary(stepWeight=None, stepWeights=[50, 110]),
        ("podinfo.yaml", "spec.analysis", "50, 110", "between 1 and 100"),
    ),
    "an interval that is none": (
        canary(interval="soon"),
        ("podinfo.yaml: Canary ", "/podinfo: spec.analysis.interval: ", "'soon'", "as in 30s"),
    ),
    "a suspended canary": (
        suspended,
        ("Canary ", "/podinfo: spec.suspend: is true", "set it to false"),
    ),
    "a metric without template": (
        canary(metrics=[UNTEMPLATED]),
        ("podinfo.yaml", "spec.analysis.metrics[0]", "'latency' has no template", "templateRef"),
    ),
    "a missing target": (without_target, ("podinfo.yaml", "spec.targetRef.name", "podinfo", "add")),
    "two canaries with one target": (two_canaries, ("second.yaml", "spec.targetRef", "podinfo")),
    "a field of a kustomized object": (
        customised,
        (
            "/podinfo (built by kustomization.yaml): spec.analysis.canaryReadyThreshold: ",
            "is more than 100",
        ),
    ),
    "a kustomization that does not build": (unbuildable, ("kustomization.yaml", "nowhere.yaml")),
}


@pytest.fixture(scope="module")
async def podinfo(new_application: NewApplication, worker: Worker) -> Application:
    """One released application for all cases: each leaves it as it was."""
    application = await new_application()
    await application.initialise()
    return application


@pytest.fixture
async def unchanged(podinfo: Application) -> AsyncIterator[None]:
    before = await objects(podinfo)
    yield
    assert await objects(podinfo) == before


async def objects(application: Application) -> list[str]:
    """Every object of the application with its resourceVersion, in all clusters."""
    kinds = "namespaces,deploy,rs,pods,svc,hpa,configmaps,vs,dr,canaries,metrictemplates"
    columns = "custom-columns=K:.kind,N:.metadata.name,NS:.metadata.namespace,V:.metadata.resourceVersion"
    listed = await asyncio.gather(
        *(
            application.user.kubectl(
                cluster, "-n", application.name, "get", kinds, "--no-headers", "-o", columns
            )
            for cluster in application.world.clusters
        )
    )
    return [line for text in listed for line in text.splitlines() if application.name in line.split()]


def refused(ended: Ended, *words: str) -> bool:
    (line,) = ended.err.splitlines()
    missing = [word for word in words if word not in line]
    assert (ended.code, missing) == (2, []), line
    return line.startswith("error: ")


@pytest.mark.parametrize("case", MANIFESTS)
async def test_bad_manifests_are_refused_before_a_release_starts(
    podinfo: Application, unchanged: None, case: str
) -> None:
    files, words = MANIFESTS[case]
    await podinfo.commit_files(files(podinfo.name))
    looked = podinfo.user.starter("validate", "-f", str(podinfo.file))
    started = podinfo.user.starter("start", "-f", str(podinfo.file), "--wait")
    for ended in await asyncio.gather(looked, started):
        assert refused(ended, *words)


@pytest.mark.parametrize(
    "case",
    ["both kinds of steps", "a missing target", "a kustomization that does not build", "a suspended canary"],
)
async def test_a_worker_refuses_bad_manifests_too(podinfo: Application, unchanged: None, case: str) -> None:
    files, words = MANIFESTS[case]
    await podinfo.commit_files(files(podinfo.name))
    ended = await podinfo.start("--no-validate")

    assert (ended.code, ended.outcome["outcome"]) == (2, "invalid"), ended
    assert [word for word in words if word not in ended.outcome["reason"]] == []
    assert f"error: {ended.outcome['reason']}" in ended.err.splitlines()


async def test_a_start_beside_a_running_flagger_is_refused(podinfo: Application, unchanged: None) -> None:
    await podinfo.commit("3.1.1")
    async with running_flagger(podinfo) as name:
        ended = await podinfo.start()
        words = (
            f"Flagger (Deployment {name}/flagger in cluster mesh02) releases the canaries",
            "scale flagger to 0",
        )
        assert (ended.code, ended.outcome["outcome"]) == (2, "invalid"), ended
        assert [word for word in words if word not in ended.outcome["reason"]] == []
        assert f"error: {ended.outcome['reason']}" in ended.err.splitlines()


@asynccontextmanager
async def running_flagger(application: Application) -> AsyncIterator[str]:
    """A Flagger of a namespace of its own, that leads this application's canaries alone."""
    name = f"{application.name}-flagger"
    deployment = manifests.deployment(name, "3.1.0")
    deployment["metadata"] |= {"name": "flagger", "labels": {"app.kubernetes.io/name": "flagger"}}
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container |= {"image": "ghcr.io/fluxcd/flagger:1.44.0", "args": [f"-namespace={application.namespace}"]}
    file = application.folder / "flagger.yaml"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    file.write_text(yaml.safe_dump_all([namespace, deployment]))
    await application.user.kubectl("mesh02", "apply", "-f", str(file))
    try:
        yield name
    finally:
        await application.user.kubectl("mesh02", "delete", "namespace", name, "--wait=false")


async def test_a_kind_that_no_cluster_serves_is_refused(podinfo: Application, unchanged: None) -> None:
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    await podinfo.commit_files({"widget.yaml": yaml.safe_dump(widget)})
    ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (2, "invalid"), ended
    assert "Widget" in ended.outcome["reason"]
    assert f"error: {ended.outcome['reason']}" in ended.err.splitlines()


@pytest.mark.parametrize("command", ["validate", "start"])
async def test_a_bad_application_or_revision_is_refused(
    podinfo: Application, unchanged: None, command: str
) -> None:
    bad = podinfo.folder / "bad.yaml"
    good = podinfo.file.read_text()
    bad.write_text(good.replace("kind: Application", "kind: Widget"))
    assert refused(await podinfo.user.starter(command, "-f", str(bad)), "bad.yaml", "kind", "Application")

    bad.write_text(good.replace("name: mesh02", "name: mars"))
    unknown = await podinfo.user.starter(command, "-f", str(bad))
    assert refused(unknown, "destination.name", "'mars'", "known clusters: asm, mesh01, mesh02")

    missing = await podinfo.user.starter(command, "-f", str(podinfo.file), "--revision", "v9")
    assert refused(missing, "--revision", "'v9'", "name a branch")
