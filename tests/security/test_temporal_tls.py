"""TLS, client certificates and the API key of Temporal's own variables and profiles reach the client."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from tests.e2e.user import Ended, User
from tests.security.tls_front import TlsFront
from tidegate.sandbox.temporal import NAMESPACE
from tidegate.sandbox.world import World

KEY = "c4nary-api-key-of-temporal"
CALLER = f"Bearer {KEY}|CN=tidegate"
Variables = Callable[[TlsFront], dict[str, str]]


@pytest.fixture(scope="module")
async def front(world: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TlsFront]:
    front = TlsFront(tmp_path_factory.mktemp("tls"), world.temporal_address)
    await front.start()
    yield front
    await front.stop()


def _variables(front: TlsFront) -> dict[str, str]:
    return {
        "TEMPORAL_ADDRESS": front.address,
        "TEMPORAL_API_KEY": KEY,
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(front.authority),
        "TEMPORAL_TLS_CLIENT_CERT_PATH": str(front.client_certificate),
        "TEMPORAL_TLS_CLIENT_KEY_PATH": str(front.client_key),
        "TEMPORAL_TLS_SERVER_NAME": "temporal.test",
    }


def _profile(front: TlsFront) -> dict[str, str]:
    """Temporal's address comes from the environment of the world; a profile may hold all the rest."""
    file = Path(front.authority).parent / "profiles.toml"
    file.touch(mode=0o600)
    file.write_text(
        f'[profile.safe]\naddress = "{front.address}"\nnamespace = "{NAMESPACE}"\napi_key = "{KEY}"\n'
        f'[profile.safe.tls]\nserver_ca_cert_path = "{front.authority}"\nserver_name = "temporal.test"\n'
        f'client_cert_path = "{front.client_certificate}"\nclient_key_path = "{front.client_key}"\n'
    )
    return {"TEMPORAL_CONFIG_FILE": str(file), "TEMPORAL_PROFILE": "safe", "TEMPORAL_ADDRESS": front.address}


async def _list(world: World, variables: Mapping[str, str]) -> Ended:
    return await User(world, variables).starter("list", "--json")


@pytest.mark.parametrize("variables", [_variables, _profile])
async def test_a_command_reaches_temporal_with_certificate_and_key(
    front: TlsFront, world: World, variables: Variables
) -> None:
    front.requests.write_text("")
    ended = await _list(world, variables(front))

    assert ended.code == 0, ended
    assert await front.until_seen(CALLER) == {CALLER}
    assert KEY not in ended.out + ended.err


@pytest.mark.parametrize(
    ("missing", "wrong"),
    [
        ("TEMPORAL_TLS_SERVER_CA_CERT_PATH", None),
        ("TEMPORAL_TLS_SERVER_NAME", "elsewhere.test"),
        ("TEMPORAL_TLS_CLIENT_CERT_PATH", "/nowhere"),
    ],
)
async def test_what_does_not_fit_is_one_line_without_the_key(
    front: TlsFront, world: World, missing: str, wrong: str | None
) -> None:
    variables = _variables(front)
    del variables[missing]
    ended = await _list(world, variables | ({missing: wrong} if wrong else {}))

    assert ended.code in (2, 5), ended
    assert ended.err.startswith("error: Temporal")
    assert ended.err.count("\n") == 1
    assert KEY not in ended.out + ended.err


async def test_a_key_alone_turns_tls_on(front: TlsFront, world: World) -> None:
    """The development server has no TLS: a key is not told to it in the clear."""
    ended = await _list(world, {"TEMPORAL_API_KEY": KEY})

    assert ended.code == 5, ended
    assert KEY not in ended.out + ended.err


async def test_a_worker_reaches_temporal_with_certificate_and_key(front: TlsFront, world: World) -> None:
    front.requests.write_text("")
    worker = await world.start_worker(_variables(front) | {"TIDEGATE_WORKER__TASK_QUEUE": "tls"})
    log = worker.log.read_text()
    await worker.stop()

    assert await front.until_seen(CALLER) == {CALLER}
    assert f"{CALLER}|{NAMESPACE}" in front.requests.read_text()
    assert KEY not in log
