"""The access to a template's credentials is enough, and stops at the one Secret that it names."""

from pathlib import Path

import pytest

from tests.access.conftest import WORKER, Installation
from tidegate.adapters.kubernetes import Clusters
from tidegate.adapters.metrics import Servers
from tidegate.decisions.judge import Criterion
from tidegate.decisions.queries import Check
from tidegate.domain.canary import ThresholdRange
from tidegate.domain.errors import AccessDenied
from tidegate.domain.metric_template import Provider
from tidegate.sandbox.cluster_api import write_kubeconfig
from tidegate.settings import ClusterSettings, Settings


@pytest.fixture
def servers(installation: Installation, tmp_path: Path) -> Servers:
    """Metrics servers as a worker finds them that is this ServiceAccount."""
    seen = installation.world.clusters["mesh02"].seen_with(WORKER.token)
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", [seen])
    settings = Settings(clusters={"mesh02": ClusterSettings(kubeconfig=str(kubeconfig), context="mesh02")})
    return Servers(settings, Clusters(settings), {})


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
    assert (await servers.server("mesh02", asked).query(asked.query)).value == 1
    with pytest.raises(AccessDenied, match='secrets "another" is forbidden'):
        servers.server("mesh02", check(installation, "another"))
