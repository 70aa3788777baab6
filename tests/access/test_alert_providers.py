"""The access to shared AlertProviders is enough to tell a chat, and stops at the one Secret that it names."""

from functools import partial
from pathlib import Path

import pytest

from activities.references import providers_of
from tests.access.conftest import Installation, granted, rights
from tests.e2e.user import until
from tidegate.adapters.kubernetes import Clusters
from tidegate.adapters.secrets import secret_values
from tidegate.domain.canary import Canary
from tidegate.domain.errors import AccessDenied
from tidegate.manifests.bundle import Bundle
from tidegate.settings import Settings

PROVIDER = """
apiVersion: flagger.app/v1beta1
kind: AlertProvider
metadata: {name: on-call, namespace: istio-system}
spec: {type: slack, secretRef: {name: alert-credentials}}
"""
CANARY = {
    "metadata": {"name": "podinfo", "namespace": "test"},
    "spec": {
        "targetRef": {"kind": "Deployment", "name": "podinfo"},
        "service": {"port": 80},
        "analysis": {
            "stepWeight": 10,
            "alerts": [{"name": "team", "providerRef": {"name": "on-call", "namespace": "istio-system"}}],
        },
    },
}


async def test_the_worker_reads_providers_that_no_application_brings_and_their_secret(
    installation: Installation, worker: Settings, tmp_path: Path
) -> None:
    (tmp_path / "provider.yaml").write_text(PROVIDER)
    await installation.admin.kubectl("mesh02", "apply", "-f", str(tmp_path / "provider.yaml"))
    for name in ("alert-credentials", "other-credentials"):
        literal = "--from-literal=address=https://chat.test/x"
        create = ("create", "secret", "generic", name, literal)
        await installation.admin.kubectl("mesh02", "-n", "istio-system", *create)
    bundle = Bundle(canary=Canary.parse(CANARY), manifest=CANARY, target={})
    cluster = Clusters(worker).cluster("mesh02")
    find = partial(providers_of(bundle, lambda: cluster), bundle.canary.spec.analysis.alerts[0])
    with pytest.raises(AccessDenied, match='"on-call" is forbidden'):
        find()

    await installation.grant("alert-providers", "mesh02")
    await until(granted(find))
    found = find()
    assert found is not None
    assert found.spec.secret_ref is not None
    read = partial(secret_values, cluster, "mesh02", found.metadata.namespace, field="secretRef")
    assert read(found.spec.secret_ref.name) == {"address": "https://chat.test/x"}
    with pytest.raises(AccessDenied, match='secrets "other-credentials" is forbidden'):
        read("other-credentials")
    assert rights("alert-providers") <= installation.uses("mesh02")
