"""The access to templates and their credentials is enough, and stops at the one Secret that it names."""

from functools import partial
from pathlib import Path

import pytest

from activities.references import templates_of
from tests.access.conftest import Installation, granted
from tests.e2e.user import until
from tidegate.adapters.kubernetes import Clusters
from tidegate.adapters.metrics import Servers
from tidegate.decisions.judge import Criterion
from tidegate.decisions.queries import Check
from tidegate.domain.analysis import ThresholdRange
from tidegate.domain.canary import Canary
from tidegate.domain.errors import AccessDenied
from tidegate.domain.metric_template import Provider
from tidegate.manifests.bundle import Bundle
from tidegate.settings import Settings

TEMPLATE = """
apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata: {name: one, namespace: istio-system}
spec: {provider: {type: prometheus, address: "http://prometheus.istio-system:9090"}, query: vector(1)}
"""
CANARY = {
    "metadata": {"name": "podinfo", "namespace": "test"},
    "spec": {
        "targetRef": {"kind": "Deployment", "name": "podinfo"},
        "service": {"port": 80},
        "analysis": {
            "stepWeight": 10,
            "metrics": [
                {
                    "name": "one",
                    "templateRef": {"name": "one", "namespace": "istio-system"},
                    "thresholdRange": {"min": 1},
                }
            ],
        },
    },
}


@pytest.fixture
def servers(worker: Settings) -> Servers:
    """Metrics servers as this worker finds them."""
    return Servers(worker, Clusters(worker), {})


def check(installation: Installation, secret: str) -> Check:
    address = installation.world.prometheus_url
    provider = {"type": "prometheus", "address": address, "secretRef": {"name": secret}}
    return Check(
        criterion=Criterion(check="one", canary="podinfo.test", range=ThresholdRange(min=1)),
        query="vector(1)",
        provider=Provider.parse(provider),
        namespace="istio-system",
    )


async def test_the_worker_reads_the_secret_that_its_role_names_and_no_other(
    installation: Installation, servers: Servers
) -> None:
    for name in ("metric-credentials", "another"):
        values = ("--from-literal=username=ann", "--from-literal=password=x")
        await installation.admin.kubectl(
            "mesh02", "-n", "istio-system", "create", "secret", "generic", name, *values
        )
    await installation.grant("metric-secrets", "mesh02")

    asked = check(installation, "metric-credentials")
    await until(granted(partial(servers.server, "mesh02", asked)))
    assert (await servers.server("mesh02", asked).query(asked.query)).value == 1
    with pytest.raises(AccessDenied, match='secrets "another" is forbidden'):
        servers.server("mesh02", check(installation, "another"))


async def test_the_worker_reads_templates_that_no_application_brings(
    installation: Installation, worker: Settings, tmp_path: Path
) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    await installation.admin.kubectl("mesh02", "apply", "-f", str(tmp_path / "template.yaml"))
    await installation.grant("metric-secrets", "mesh02")

    bundle = Bundle(canary=Canary.parse(CANARY), manifest=CANARY, target={})
    find = templates_of(bundle, partial(Clusters(worker).cluster, "mesh02"))
    (metric,) = bundle.canary.spec.analysis.metrics
    await until(granted(partial(find, metric)))
    found = find(metric)
    assert found is not None
    assert found.spec.query == "vector(1)"
