"""How a service account gets its token, and what is told of a key that does not work."""

import base64
import json
import time
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from tests.adapters.metrics.conftest import KEY, Recorded, pem
from tidegate.adapters.metrics.source import MetricsServer
from tidegate.domain.errors import AccessDenied, InvalidInput, Unreachable

PROVIDER = {"type": "stackdriver", "secretRef": {"name": "gcloud-sa"}}


def server(recorded: Recorded, **account: str) -> MetricsServer:
    file = {
        "type": "service_account",
        "client_email": "tidegate@a-project.iam.gserviceaccount.com",
        "private_key": pem(KEY),
        "private_key_id": "k1",
        "token_uri": f"{recorded.address}/token",
    }
    secret = {"project": "a-project", "serviceAccountKey": json.dumps(file | account)}
    return recorded.server(PROVIDER, secret)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_the_claim_is_signed_by_the_account_s_key_and_asks_to_read(recorded: Recorded) -> None:
    recorded.answers = [(200, '{"access_token": "ya29.x"}'), (200, "{}")]
    await server(recorded).query("fetch k8s_container")
    form = parse_qs(recorded.asked[0].body)
    header, claims, signature = form["assertion"][0].split(".")
    KEY.public_key().verify(decoded(signature), f"{header}.{claims}".encode(), PKCS1v15(), SHA256())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert json.loads(decoded(header)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    said = json.loads(decoded(claims))
    assert said.pop("iat") <= time.time() < said.pop("exp")
    assert said == {
        "iss": "tidegate@a-project.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/monitoring.read",
        "aud": f"{recorded.address}/token",
    }
    assert json.loads(recorded.asked[1].body) == {"query": "fetch k8s_container"}


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (
            400,
            '{"error": "invalid_grant", "error_description": "account not found"}',
            AccessDenied,
            "not found",
        ),
        (503, "", Unreachable, "status 503"),
        (429, '{"error": "slow down"}', Unreachable, "slow down"),
        (200, "<html>", Unreachable, "does not answer as Google's token endpoint does"),
    ],
)
async def test_a_token_that_is_not_given_says_why(
    recorded: Recorded, status: int, body: str, error: type[Exception], told: str
) -> None:
    recorded.answers = [(status, body)]
    with pytest.raises(error, match=told):
        await server(recorded).query("q")


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("-----BEGIN PRIVATE KEY-----\nc4nary\n-----END PRIVATE KEY-----", "no private key that can be read"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "has no RSA key"),
    ],
)
async def test_a_key_that_cannot_sign_is_refused_and_not_told(
    recorded: Recorded, key: str, told: str
) -> None:
    with pytest.raises(InvalidInput, match=told) as refused:
        await server(recorded, private_key=key).query("q")
    assert "c4nary" not in str(refused.value)


def test_a_secret_without_a_key_file_is_refused(recorded: Recorded) -> None:
    for file, told in (("", "has no serviceAccountKey"), ('{"private_key": "c4nary"}', "is no key file")):
        with pytest.raises(InvalidInput, match=told) as refused:
            recorded.server(PROVIDER, {"project": "a-project", "serviceAccountKey": file})
        assert "c4nary" not in str(refused.value)


async def test_a_token_is_not_told_that_a_server_repeats(recorded: Recorded) -> None:
    recorded.answers = [(200, '{"access_token": "ya29.x"}'), (400, '{"error": {"message": "not ya29.x"}}')]
    with pytest.raises(InvalidInput, match=r"not \*\*\*"):
        await server(recorded).query("q")
