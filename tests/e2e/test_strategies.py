"""Every way to move traffic, with visitors at the gateway who see who answers them."""

import json
from collections import Counter
from typing import Any

import aiohttp
import pytest
import yaml

from tests.e2e import manifests
from tests.e2e.user import Application, serves, until
from tests.e2e.visitors import Visitor, visited

OLD, NEW = "3.1.0", "3.1.1"
WITHOUT_STEPS: dict[str, Any] = {"stepWeight": None, "maxWeight": None}
TCP_PORT = 13306
SIDECARS = {"beta": 13128, "stable": 13129}
DISCOVERED = 9797
REQUESTS = "http_request_duration_seconds_count"
COOKIE = "^(.*?;)?(canary=always)(;.*)?$"


@pytest.mark.parametrize(
    ("condition", "headers"),
    [
        ({"headers": {"x-canary": {"exact": "insider"}}}, {"x-canary": "insider"}),
        ({"headers": {"cookie": {"regex": COOKIE}}}, {"Cookie": "a=b;canary=always"}),
    ],
    ids=["header", "cookie"],
)
async def test_a_b_testing_shows_the_new_version_to_those_who_match(
    podinfo: Application, condition: dict[str, Any], headers: dict[str, str]
) -> None:
    chosen, everybody = Visitor(headers), Visitor()
    await podinfo.commit(NEW, **WITHOUT_STEPS, iterations=2, match=[condition])
    async with visited(podinfo, chosen, everybody):
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert f"Advance podinfo.{podinfo.namespace} canary iteration 2/2" in ended.notes
    assert (chosen.versions, everybody.versions) == ([OLD, NEW], [OLD, NEW])
    assert everybody.first(NEW) - chosen.first(NEW) > 2 * 1.5
    assert await podinfo.version() == NEW


async def test_a_b_testing_by_source_labels_shows_the_new_version_to_one_workload_of_the_mesh(
    podinfo: Application,
) -> None:
    """Two workloads call the Service within the mesh; everybody else comes by the gateway."""
    sidecars = [manifests.sidecar(podinfo.namespace, {"tier": tier}, port) for tier, port in SIDECARS.items()]
    file = podinfo.folder / "sidecars.yaml"
    file.write_text(yaml.safe_dump_all(sidecars))
    await podinfo.user.kubectl("asm", "apply", "-f", str(file))
    service = {"Host": f"podinfo.{podinfo.namespace}:9898"}
    beta, stable = (
        Visitor(service, url=f"http://{podinfo.world.gateway_address}:{port}/") for port in SIDECARS.values()
    )
    await until(lambda: answers(podinfo, beta, stable))
    match = [{"sourceLabels": {"tier": "beta"}}]
    canary = manifests.canary(podinfo.namespace, **WITHOUT_STEPS, iterations=2, match=match)
    canary["spec"]["service"]["gateways"].append("mesh")
    documents = [manifests.deployment(podinfo.namespace, NEW), canary]
    await podinfo.commit_files({"podinfo.yaml": yaml.safe_dump_all(documents)})
    outside = Visitor()
    async with visited(podinfo, beta, stable, outside):
        ended = await podinfo.start("--no-validate")

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    for other in (stable, outside):
        assert other.first(NEW) - beta.first(NEW) > 2 * 1.5
    analysed = [version for at, version in beta.seen if beta.first(NEW) < at < outside.first(NEW)]
    assert set(analysed) == {NEW}
    assert [each.versions[-1] for each in (beta, stable, outside)] == [NEW] * 3


async def answers(application: Application, *visitors: Visitor) -> bool:
    """Whether the visitors get through by now."""
    try:
        for visitor in visitors:
            await visitor.ask(application)
    except (aiohttp.ClientError, AssertionError):
        return False
    return True


async def test_a_broken_version_is_seen_by_nobody_who_does_not_match(podinfo: Application) -> None:
    everybody = Visitor()
    match = [{"headers": {"x-canary": {"exact": "insider"}}}]
    load = manifests.load_test(podinfo.namespace, rate=60)
    await podinfo.commit(
        NEW, "--random-error=true", **WITHOUT_STEPS, iterations=2, threshold=1, match=match, webhooks=[load]
    )
    async with visited(podinfo, everybody):
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert everybody.versions == [OLD]
    insider = Visitor({"x-canary": "insider"})
    await insider.ask(podinfo)
    assert insider.versions == [OLD]


async def test_blue_green_judges_copies_of_the_requests_before_anybody_sees_green(
    podinfo: Application,
) -> None:
    """Without a load test: only the copies give the success rate anything to judge."""
    visitor = Visitor()
    checks = [manifests.SUCCESS_RATE]
    await podinfo.commit(
        NEW, **WITHOUT_STEPS, iterations=2, interval="3s", mirror=True, metrics=checks, webhooks=[]
    )
    async with visited(podinfo, visitor), podinfo.observed() as seen:
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert visitor.versions == [OLD, NEW]
    assert (seen.weights, set(seen.answers)) == ([0, 100, 0], {200})
    assert f"Starting traffic mirroring to podinfo.{podinfo.namespace}: 100 %" in ended.notes
    assert await podinfo.end_state() == serves(NEW)


async def test_a_canary_judged_on_copies_first_and_then_by_loyal_visitors(podinfo: Application) -> None:
    """Half of the requests are copied; then a quarter of the visitors is the canary's, and each stays."""
    affinity = {"cookieName": "canary-cookie", "primaryCookieName": "primary-cookie", "path": "/"}
    passing, loyal = [Visitor() for _ in range(6)], [Visitor(keeps_cookies=True) for _ in range(6)]
    mirroring = {"mirror": True, "mirrorWeight": 50, "stepWeight": None, "stepWeights": [25]}
    await podinfo.commit(
        NEW,
        **mirroring,
        interval="3s",
        metrics=[manifests.SUCCESS_RATE],
        webhooks=[],
        sessionAffinity=affinity,
    )
    async with visited(podinfo, *passing, *loyal):
        command = await podinfo.begin("--no-validate")
        answered, copied = await mirrored(podinfo, [*passing, *loyal])
        ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert f"Starting traffic mirroring to podinfo.{podinfo.namespace}: 50 %" in ended.notes
    assert answered[OLD] > 20
    assert answered[NEW] == 0
    assert 0.2 < copied / answered[OLD] < 0.8

    primarys = [visitor for visitor in loyal if "primary-cookie" in visitor.cookies]
    assert primarys
    for visitor in loyal:
        assert visitor.versions == [OLD, NEW]
        both = {line.partition("=")[0] for line in visitor.told if "Max-Age=-1" not in line}
        assert both == {"primary-cookie" if visitor in primarys else "canary-cookie"}
    beside = min(visitor.first(NEW) for visitor in passing)
    assert all(visitor.last(OLD) > beside + 2 for visitor in primarys)
    (given,) = [line for line in primarys[0].told if line.startswith("primary-cookie=")]
    assert given.endswith("; Max-Age=3; Path=/")


async def mirrored(application: Application, visitors: list[Visitor]) -> tuple[Counter[str], int]:
    """While requests are copied and none is the canary's: who answered how many, and how many copies came."""
    await until(lambda: _mirrors(application))
    answered, copies = _answered(visitors), await _received(application)
    found = Counter[str](), 0
    while await _mirrors(application):
        later, received = _answered(visitors), await _received(application)
        if await application.weight() == 0:
            found = later - answered, received - copies
    return found


async def _mirrors(application: Application) -> bool:
    text = await application.user.kubectl(
        "asm", "-n", application.namespace, "get", "virtualservice", "podinfo", "-o", "json"
    )
    return any("mirror" in rule for rule in json.loads(text)["spec"]["http"])


async def _received(application: Application) -> int:
    """What the target's pod has answered at `/`, by its own count; its probes ask elsewhere."""
    service = f"/api/v1/namespaces/{application.namespace}/services/podinfo-canary:9898/proxy/metrics"
    text = await application.user.kubectl("mesh02", "get", "--raw", service)
    counted = [line for line in text.splitlines() if line.startswith(REQUESTS) and 'path="/",' in line]
    return sum(int(line.rpartition(" ")[2]) for line in counted)


def _answered(visitors: list[Visitor]) -> Counter[str]:
    return Counter(version for visitor in visitors for _, version in visitor.seen)


async def test_blue_green_takes_over_all_at_once_judged_at_a_port_that_was_discovered(
    podinfo: Application,
) -> None:
    """No copies, and no load at the canary but at the port that only its pod template names."""
    deployment = manifests.deployment(podinfo.namespace, NEW, f"--port-metrics={DISCOVERED}")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["ports"].append({"name": "metrics", "containerPort": DISCOVERED})
    load = manifests.load_test(podinfo.namespace)
    address = f"http://podinfo-canary.{podinfo.namespace}:{DISCOVERED}/metrics"
    load["metadata"]["cmd"] = f"hey -z 1m -q 10 -c 2 {address}"
    canary = manifests.canary(podinfo.namespace, **WITHOUT_STEPS, iterations=2, webhooks=[load])
    canary["spec"]["service"]["portDiscovery"] = True
    await podinfo.commit_files({"podinfo.yaml": yaml.safe_dump_all([deployment, canary])})
    visitors = [Visitor(), Visitor()]
    async with visited(podinfo, *visitors), podinfo.observed() as seen:
        ended = await podinfo.start("--no-validate")

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert (seen.weights, set(seen.answers)) == ([0, 100, 0], {200})
    assert [visitor.versions for visitor in visitors] == [[OLD, NEW], [OLD, NEW]]
    assert not any("mirroring" in note for note in ended.notes)
    assert f"Advance podinfo.{podinfo.namespace} canary iteration 2/2" in ended.notes
    assert await podinfo.end_state() == serves(NEW)
    apex = f"/api/v1/namespaces/{podinfo.namespace}/services/podinfo:{DISCOVERED}/proxy/metrics"
    assert REQUESTS in await podinfo.user.kubectl("mesh02", "get", "--raw", apex)


async def test_a_visitor_stays_with_the_version_that_answered_first(podinfo: Application) -> None:
    affinity = {"cookieName": "canary-cookie", "maxAge": 600, "path": "/", "httpOnly": True}
    loyal = Visitor(keeps_cookies=True)
    await podinfo.commit(NEW, stepWeight=50, interval="3s", sessionAffinity=affinity)
    async with visited(podinfo, loyal):
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert loyal.versions == [OLD, NEW]
    given = next(line for line in loyal.told if "Max-Age=600" in line)
    assert given.endswith("; Path=/; HttpOnly")
    assert any("Max-Age=-1" in line for line in loyal.told)
    assert loyal.cookies == {}


async def test_after_a_promotion_the_traffic_goes_over_step_by_step(podinfo: Application) -> None:
    await podinfo.commit(NEW, stepWeightPromotion=20)
    async with podinfo.observed() as seen:
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert (seen.weights, set(seen.answers)) == ([0, 25, 50, 30, 10, 0], {200})
    assert await podinfo.end_state() == serves(NEW)


async def test_a_skipped_analysis_promotes_at_once(podinfo: Application) -> None:
    canary = manifests.canary(podinfo.namespace)
    canary["spec"]["skipAnalysis"] = True
    documents = [manifests.deployment(podinfo.namespace, NEW), canary]
    await podinfo.commit_files({"podinfo.yaml": yaml.safe_dump_all(documents)})
    async with podinfo.observed() as seen:
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert (seen.weights, set(seen.answers)) == ([0], {200})
    assert await podinfo.end_state() == serves(NEW)


async def test_a_delegate_splits_what_another_virtual_service_gives_it(podinfo: Application) -> None:
    canary = manifests.canary(podinfo.namespace)
    canary["spec"]["service"] = {"port": 9898, "delegation": True}
    root = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "front", "namespace": podinfo.namespace},
        "spec": {
            "gateways": [manifests.GATEWAY],
            "hosts": [podinfo.host],
            "http": [{"match": [{"uri": {"prefix": "/"}}], "delegate": {"name": "podinfo"}}],
        },
    }
    documents = [manifests.deployment(podinfo.namespace, NEW), canary]
    front = podinfo.folder / "front.yaml"
    front.write_text(yaml.safe_dump(root))
    await podinfo.user.kubectl("asm", "apply", "-f", str(front))
    await podinfo.commit_files({"podinfo.yaml": yaml.safe_dump_all(documents)})
    async with podinfo.observed() as seen:
        ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert (seen.weights, set(seen.answers)) == ([0, 25, 50, 0], {200})


async def test_connections_are_split_by_weight(podinfo: Application) -> None:
    """The gateway's port for requests knows nothing of it afterwards, the one for connections does."""
    gateway = podinfo.folder / "gateway.yaml"
    gateway.write_text(yaml.safe_dump(manifests.tcp_gateway(podinfo.namespace, TCP_PORT)))
    await podinfo.user.kubectl("asm", "apply", "-f", str(gateway))
    canary = manifests.canary(podinfo.namespace, stepWeight=50, maxWeight=50, interval="3s")
    canary["spec"]["service"] = {"port": 9898, "appProtocol": "TCP", "gateways": ["connections"]}
    documents = [manifests.deployment(podinfo.namespace, NEW), canary]
    await podinfo.commit_files({"podinfo.yaml": yaml.safe_dump_all(documents)})
    address = f"http://{podinfo.world.gateway_address}:{TCP_PORT}/"
    command = await podinfo.begin("--no-validate")
    await command.until_phase("Progressing")
    visitor = Visitor(url=address)
    async with visited(podinfo, visitor):
        ended = await command.ended()

    assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
    assert visitor.first(NEW) < visitor.last(OLD)
    assert visitor.versions[-1] == NEW
