"""Whose keys sign a request to CloudWatch, and that AWS would accept the signature."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.adapters.metrics.conftest import Recorded
from tidegate.adapters.metrics.cloudwatch import CloudWatch, cloudwatch
from tidegate.adapters.metrics.sigv4 import Keys, signed
from tidegate.adapters.metrics.source import Credentials, Source
from tidegate.adapters.reach import Direct, Target
from tidegate.domain.errors import AccessDenied, InvalidInput, Unreachable
from tidegate.domain.metric_template import Provider

KEYS = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
ENVIRON = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "of-the-worker"}
REGION = {"type": "cloudwatch", "region": "eu-west-1"}


@pytest.mark.parametrize(
    ("method", "signature"),
    [
        ("GET", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ],
)
def test_a_request_is_signed_as_in_aws_own_test_suite(method: str, signature: str) -> None:
    headers = signed(
        method,
        {"Host": "example.amazonaws.com"},
        b"",
        keys=KEYS,
        region="us-east-1",
        service="service",
        now=datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
    )
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )


async def test_what_arrives_is_what_was_signed(recorded: Recorded) -> None:
    recorded.answers = [(200, '{"MetricDataResults": []}')]
    secret = {
        "AWS_ACCESS_KEY_ID": KEYS.access,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret,
        "AWS_SESSION_TOKEN": "t",
    }
    await recorded.server({**REGION, "secretRef": {"name": "aws"}}, secret).query('[{"Id": "m1"}]')
    (asked,) = recorded.asked
    arrived = {name: asked.headers[name] for name in ("Host", "Content-Type", "X-Amz-Target")}
    again = signed(
        "POST",
        arrived,
        asked.body.encode(),
        keys=Keys(KEYS.access, KEYS.secret, "t"),
        region="eu-west-1",
        service="monitoring",
        now=datetime.strptime(asked.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC),
    )
    assert asked.headers["Authorization"] == again["authorization"]
    assert asked.headers["X-Amz-Security-Token"] == "t"


def at(environ: Mapping[str, str], reached: list[str], **provider: str) -> None:
    """Look for a region's server with a worker's environment alone."""

    def target(url: str) -> Target:
        reached.append(url)
        return Direct(url)

    cloudwatch(
        Source(
            provider=Provider.parse(REGION | provider),
            credentials=Credentials(),
            window_seconds=60,
            target=target,
            elsewhere=target,
            environ=environ,
        )
    )


def test_the_worker_s_keys_sign_for_aws_alone() -> None:
    reached: list[str] = []
    at(ENVIRON, reached)
    assert reached == ["https://monitoring.eu-west-1.amazonaws.com/"]
    with pytest.raises(InvalidInput, match="an address of its own is not shown the worker's keys"):
        at(ENVIRON, reached, address="https://monitoring.evil.test")


STS = {
    "AssumeRoleWithWebIdentityResponse": {
        "AssumeRoleWithWebIdentityResult": {
            "Credentials": {
                "AccessKeyId": "ASIAEXAMPLE",
                "SecretAccessKey": "for-an-hour",
                "SessionToken": "session-of-an-hour",
                "Expiration": 1795485600.0,
            },
            "SubjectFromWebIdentityToken": "system:serviceaccount:tidegate:tidegate",
        }
    }
}


@pytest.fixture
def pod(recorded: Recorded, tmp_path: Path) -> dict[str, str]:
    """The environment of a pod with a role of EKS."""
    (tmp_path / "token").write_text("t0ken-of-the-pod\n")
    return {
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/tidegate",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_ENDPOINT_URL_STS": recorded.address,
    }


def of_pod(recorded: Recorded, environ: Mapping[str, str]) -> CloudWatch:
    """The region's server for a worker in that pod; the recorded one is in AWS' place."""

    def target(url: str) -> Target:
        return Direct(url if url.startswith(recorded.address) else f"{recorded.address}/aws")

    return cloudwatch(
        Source(
            provider=Provider.parse(REGION),
            credentials=Credentials(),
            window_seconds=60,
            target=target,
            elsewhere=target,
            environ=environ,
        )
    )


async def test_a_pod_s_role_gives_keys_for_an_hour(recorded: Recorded, pod: dict[str, str]) -> None:
    recorded.answers = [(200, json.dumps(STS)), (200, '{"MetricDataResults": []}')]
    await of_pod(recorded, pod).query('[{"Id": "m1"}]')
    token, metrics = recorded.asked
    form = parse_qs(token.body)
    assert (form["Action"], form["RoleArn"]) == (["AssumeRoleWithWebIdentity"], [pod["AWS_ROLE_ARN"]])
    assert form["WebIdentityToken"] == ["t0ken-of-the-pod"]
    assert token.headers["Accept"] == "application/json"
    assert "Credential=ASIAEXAMPLE/" in metrics.headers["Authorization"]
    assert metrics.headers["X-Amz-Security-Token"] == "session-of-an-hour"


@pytest.mark.parametrize(
    ("status", "body", "error", "told"),
    [
        (
            403,
            '{"Error": {"Code": "AccessDenied", "Message": "Not authorized: t0ken-of-the-pod"}}',
            AccessDenied,
            "Not authorized",
        ),
        (500, "", Unreachable, "status 500"),
        (200, "<xml>", Unreachable, "does not answer as AWS' token service does"),
    ],
)
async def test_a_role_that_is_not_given_says_why(
    recorded: Recorded, pod: dict[str, str], status: int, body: str, error: type[Exception], told: str
) -> None:
    recorded.answers = [(status, body)]
    with pytest.raises(error, match=told) as refused:
        await of_pod(recorded, pod).query('[{"Id": "m1"}]')
    assert "t0ken-of-the-pod" not in str(refused.value)


async def test_a_session_is_not_told_that_a_server_repeats(recorded: Recorded, pod: dict[str, str]) -> None:
    recorded.answers = [(200, json.dumps(STS)), (403, '{"message": "not session-of-an-hour"}')]
    with pytest.raises(AccessDenied, match=r"not \*\*\*"):
        await of_pod(recorded, pod).query('[{"Id": "m1"}]')


def test_the_token_service_is_the_region_s_own(pod: dict[str, str]) -> None:
    reached: list[str] = []
    at({name: value for name, value in pod.items() if name != "AWS_ENDPOINT_URL_STS"}, reached)
    assert reached[-1] == "https://sts.eu-west-1.amazonaws.com/"


def test_keys_that_nobody_gave_are_named() -> None:
    with pytest.raises(InvalidInput, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the w"):
        at({"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}, [])
