"""Whose server is asked for a check, with which credentials, and what is refused."""

import base64
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiohttp import web

from benchmarks.faults.wiring import throw_away_certificate
from tests.adapters.metrics.conftest import KEY, pem
from tidegate.adapters.metrics.servers import Servers
from tidegate.adapters.reach import Direct
from tidegate.decisions.judge import Criterion
from tidegate.decisions.queries import Check
from tidegate.domain.analysis import ThresholdRange
from tidegate.domain.errors import AccessDenied, InvalidInput, Unreachable
from tidegate.domain.metric_template import Provider
from tidegate.settings import ClusterSettings, Settings
from tidegate.settings.security import AddressSettings

Serve = Callable[..., Awaitable[str]]

ONE = {"status": "success", "data": {"resultType": "vector", "result": [{"value": [0, "7"]}]}}
PASSWORD = "pa55-word-of-the-template"


class Cluster:
    """One cluster with one Secret, which passes requests on to nobody."""

    def __init__(self, **data: str) -> None:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.secret = {"kind": "Secret", "data": encoded} if data else None
        self.asked: list[tuple[str, ...]] = []

    def cluster(self, name: str) -> "Cluster":
        self.asked.append((name,))
        return self

    def served(self, *which: Any) -> str:
        raise AssertionError(which)

    def get(self, *which: str) -> Any:
        self.asked.append(which)
        return self.secret

    def apply(self, manifest: Any, *, manager: str) -> Any:
        raise AssertionError(manager)

    def delete(self, *which: str) -> None:
        raise AssertionError(which)

    def service_proxy(self, url: str) -> Direct:
        raise AssertionError(url)


def check(query: str = "up", **provider: Any) -> Check:
    return Check(
        criterion=Criterion(check="latency", canary="podinfo.test", range=ThresholdRange(max=1)),
        query=query,
        provider=Provider.parse({"type": "prometheus"} | provider),
        namespace="istio-system",
    )


def servers(
    cluster: Cluster, environ: Mapping[str, str] | None = None, hosts: tuple[str, ...] = (), **settings: Any
) -> Servers:
    return Servers(
        Settings(
            clusters={"mesh02": ClusterSettings(**settings)}, addresses=AddressSettings(allowed_hosts=hosts)
        ),
        cluster,
        environ or {},
    )


async def ask(cluster: Cluster, asked: Check, **settings: Any) -> float | None:
    return (await servers(cluster, **settings).server("mesh02", asked).query(asked.query)).value


@pytest.fixture
async def seen(serve: Serve) -> tuple[str, list[Mapping[str, str]]]:
    """A Prometheus, and the headers of those who asked it."""
    headers: list[Mapping[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        headers.append(request.headers)
        return web.json_response(ONE)

    return await serve(answer), headers


Seen = tuple[str, list[Mapping[str, str]]]


@pytest.mark.parametrize(
    ("secret", "authorization"),
    [
        ({"token": "t0ken\n"}, "Bearer t0ken"),
        (
            {"username": "ann", "password": PASSWORD},
            f"Basic {base64.b64encode(f'ann:{PASSWORD}'.encode()).decode()}",
        ),
        ({"token": "t0ken", "username": "ann", "password": PASSWORD}, "Bearer t0ken"),
    ],
)
async def test_credentials_come_from_the_secret_in_the_template_s_namespace(
    seen: Seen, secret: dict[str, str], authorization: str
) -> None:
    address, headers = seen
    cluster = Cluster(**secret)

    assert await ask(cluster, check(address=address, secretRef={"name": "prometheus"})) == 7
    assert [each["Authorization"] for each in headers] == [authorization]
    assert cluster.asked == [("mesh02",), ("v1", "Secret", "istio-system", "prometheus")]


async def test_a_rotated_secret_counts_at_once(seen: Seen) -> None:
    address, headers = seen
    cluster = Cluster(token="old")
    wanted, asking = check(address=address, secretRef={"name": "prometheus"}), servers(cluster)

    await asking.server("mesh02", wanted).query("up")
    cluster.secret = Cluster(token="new").secret
    await asking.server("mesh02", wanted).query("up")

    assert [each["Authorization"] for each in headers] == ["Bearer old", "Bearer new"]


async def test_headers_are_sent_with_all_their_values(seen: Seen) -> None:
    address, headers = seen
    await ask(Cluster(), check(address=address, headers={"X-Scope-OrgID": ["a", "b"]}))
    assert headers[0].getall("X-Scope-OrgID") == ["a", "b"]  # type: ignore[attr-defined]


async def test_no_secret_means_no_look_into_the_cluster(seen: Seen) -> None:
    cluster = Cluster()
    await ask(cluster, check(address=seen[0]))
    assert cluster.asked == []


async def test_the_cluster_s_own_server_gets_the_template_s_credentials_rather_than_ours(seen: Seen) -> None:
    address, headers = seen
    own = {"prometheus": address, "prometheus_token_env": "TOKEN", "hosts": ("elsewhere.test",)}
    secret = Cluster(token="theirs")
    await ask(
        secret, check(address=address, secretRef={"name": "prometheus"}), environ={"TOKEN": "ours"}, **own
    )
    await ask(secret, check(address=address), environ={"TOKEN": "ours"}, **own)
    assert [each["Authorization"] for each in headers] == ["Bearer theirs", "Bearer ours"]


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ({}, "provider.secretRef: there is no Secret istio-system/prometheus in cluster mesh02; create it"),
        ({"user": "ann"}, "provider.secretRef: the Secret istio-system/prometheus has no username; add the"),
        ({"username": "ann"}, "provider.secretRef: the Secret istio-system/prometheus has no password"),
    ],
)
async def test_what_the_secret_lacks_is_named(secret: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{said}"):
        await ask(Cluster(**secret), check(address="http://127.0.0.1:9", secretRef={"name": "prometheus"}))


@pytest.mark.parametrize(
    "provider", [{"secretRef": {"name": "prometheus"}}, {"headers": {"Authorization": ["x"]}}]
)
async def test_credentials_do_not_go_to_the_cluster_s_api(provider: dict[str, Any]) -> None:
    asked = check(address="http://prometheus.istio-system:9090", **provider)
    with pytest.raises(InvalidInput, match="credentials cannot pass the service proxy of cluster mesh02"):
        await ask(Cluster(token="x"), asked, service_proxy=True)


async def test_nobody_acts_as_another_through_the_service_proxy() -> None:
    asked = check(address="http://prometheus.istio-system:9090", headers={"Impersonate-User": ["admin"]})
    with pytest.raises(InvalidInput, match=r"provider\.headers\.Impersonate-User: credentials cannot"):
        await ask(Cluster(), asked, service_proxy=True)


@pytest.mark.parametrize("status", [400, 401, 403, 500, 200])
async def test_a_server_that_repeats_all_that_it_was_told_gives_no_secret_away(
    serve: Serve, status: int
) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"error": f"{dict(request.headers)}"}, status=status)

    asked = check(
        address=await serve(echo),
        headers={"X-Key": ["k3y-of-the-header"]},
        secretRef={"name": "prometheus"},
    )
    with pytest.raises((InvalidInput, AccessDenied, Unreachable)) as refused:
        await ask(Cluster(username="ann", password=PASSWORD), asked)
    both = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    assert not [each for each in (PASSWORD, both, "k3y-of-the-header") if each in str(refused.value)]


async def test_a_refused_identity_is_named(serve: Serve) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"error": "no such user"}, status=401)

    address = await serve(refuse)
    with pytest.raises(
        AccessDenied, match=r"no such user \(it was shown the credentials of Secret istio-sys"
    ):
        await ask(Cluster(token="x"), check(address=address, secretRef={"name": "prometheus"}))
    with pytest.raises(AccessDenied, match=r"shown no credentials, as provider.secretRef names none"):
        await ask(Cluster(), check(address=address))


async def test_an_address_that_the_settings_do_not_allow_gets_no_credentials() -> None:
    asked = check(address="http://elsewhere.test", secretRef={"name": "prometheus"})
    with pytest.raises(InvalidInput, match="may not be called"):
        await ask(Cluster(token="x"), asked, hosts=("prometheus.test",))


async def test_a_certificate_is_verified_unless_the_template_says_otherwise(tmp_path: Any) -> None:
    certificate, context = throw_away_certificate(tmp_path)
    assert certificate
    async with _Https(context) as address:
        with pytest.raises(Unreachable, match="certificate verify failed"):
            await ask(Cluster(), check(address=address))
        assert await ask(Cluster(), check(address=address, insecureSkipVerify=True)) == 7


async def test_whoever_gives_a_token_shows_a_certificate_whatever_the_template_says(
    tmp_path: Any,
) -> None:
    _, context = throw_away_certificate(tmp_path)
    async with _Https(context) as address:
        account = {"client_email": "a@b.iam", "private_key": pem(KEY), "token_uri": f"{address}/token"}
        google = Cluster(project="a-project", serviceAccountKey=json.dumps(account))
        asked = check(
            type="stackdriver", address=address, secretRef={"name": "google"}, insecureSkipVerify=True
        )
        with pytest.raises(Unreachable, match=r"^Google https://.* certificate verify failed"):
            await ask(google, asked)


async def test_aws_token_service_shows_a_certificate_whatever_the_template_says(tmp_path: Any) -> None:
    _, context = throw_away_certificate(tmp_path)
    (tmp_path / "token").write_text("t0ken")
    async with _Https(context) as address:
        pod = {
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/tidegate",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ENDPOINT_URL_STS": address,
        }
        asked = check("[]", type="cloudwatch", region="eu-west-1", insecureSkipVerify=True)
        with pytest.raises(Unreachable, match=r"^AWS https://.* certificate verify failed"):
            await servers(Cluster(), pod).server("mesh02", asked).query(asked.query)


class _Https:
    """A Prometheus whose certificate nobody has signed."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)

    async def _answer(self, _: web.BaseRequest) -> web.Response:
        return web.json_response(ONE)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context).start()
        return f"https://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
