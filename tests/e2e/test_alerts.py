"""A chat hears of a release from its beginning to its end, with a link to the run."""

from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from tests.conftest import Serve
from tests.e2e import manifests
from tests.e2e.user import Application


async def test_a_rollback_is_told_to_the_cluster_s_chat_with_the_numbers_that_failed(
    podinfo: Application, serve: Serve, tmp_path: Path
) -> None:
    heard: list[dict[str, Any]] = []

    async def chat(request: web.Request) -> web.Response:
        (attachment,) = (await request.json())["attachments"]
        heard.append(attachment)
        return web.Response(text="ok")

    provider = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "AlertProvider",
        "metadata": {"name": "on-call", "namespace": podinfo.namespace},
        "spec": {"type": "slack", "channel": "releases", "address": f"{await serve(chat)}/hook"},
    }
    alert = {"name": "on-call", "severity": "info", "providerRef": {"name": "on-call"}}
    load = manifests.load_test(podinfo.name, rate=60)
    canary = manifests.canary(podinfo.namespace, threshold=1, alerts=[alert], webhooks=[load])
    deployment = manifests.deployment(podinfo.namespace, "3.1.1", "--random-error=true")
    await podinfo.commit_files({"podinfo.yaml": yaml.safe_dump_all([deployment, canary])})
    refused = await podinfo.start()
    assert refused.code == 2, refused
    missing = f"no AlertProvider {podinfo.namespace}/on-call among the manifests, nor in the cluster"
    assert missing in refused.outcome["reason"]

    (tmp_path / "provider.yaml").write_text(yaml.safe_dump(provider))
    await podinfo.user.kubectl("mesh02", "apply", "-f", str(tmp_path / "provider.yaml"))
    ended = await podinfo.start()

    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert [(each["color"], each["author_name"]) for each in heard] == [
        ("good", f"podinfo.{podinfo.namespace}"),
        ("danger", f"podinfo.{podinfo.namespace}"),
    ]
    facts = {field["title"]: field["value"] for field in heard[1]["fields"]}
    assert (facts["Weight"], facts["Failed checks"]) == ("25 %", "1 of 1")
    assert "success rate" in facts["request-success-rate"]
