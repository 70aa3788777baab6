"""Who asks AWS: the keys of a template's Secret, those of the worker's environment, or its pod's role."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tidegate.adapters.metrics.exchange import Exchange
from tidegate.adapters.metrics.sigv4 import Keys
from tidegate.adapters.metrics.source import Credentials, Source
from tidegate.adapters.reach import shown
from tidegate.domain.errors import InvalidInput

ACCESS, SECRET, SESSION = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
ROLE, TOKEN_FILE = "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"
STS_ENDPOINT = "AWS_ENDPOINT_URL_STS"


class Identity(Protocol):
    """Gives the keys to sign with now. Raises AccessDenied, InvalidInput, Unreachable."""

    async def keys(self) -> Keys: ...


@dataclass(frozen=True)
class Fixed:
    """Keys that are there already."""

    found: Keys

    async def keys(self) -> Keys:
        return self.found


@dataclass(frozen=True)
class PodRole:
    """EKS' roles for service accounts: the pod's token buys keys of one hour, at each query."""

    exchange: Exchange
    role: str
    token_file: Path

    async def keys(self) -> Keys:
        try:
            token = self.token_file.read_text().strip()
        except OSError:
            raise InvalidInput(f"{TOKEN_FILE} names no file that can be read") from None
        self.exchange.hide(token)
        answer = await self.exchange.try_post_form(
            {
                "Action": "AssumeRoleWithWebIdentity",
                "Version": "2011-06-15",
                "RoleArn": self.role,
                "RoleSessionName": "tidegate",
                "WebIdentityToken": token,
            }
        )
        match answer.json:
            case {
                "AssumeRoleWithWebIdentityResponse": {
                    "AssumeRoleWithWebIdentityResult": {
                        "Credentials": {
                            "AccessKeyId": str(access),
                            "SecretAccessKey": str(secret),
                            "SessionToken": str(session),
                        }
                    }
                }
            }:
                return Keys(access, secret, session)
            case {"Error": {"Code": str(code), **more}} if 400 <= answer.status < 500:
                raise self.exchange.denial(f"{code} {more.get('Message', '')}")
            case _ if answer.status != 200:
                raise self.exchange.refusal(answer)
            case _:
                raise self.exchange.unlike("AWS' token service")


def identity(source: Source) -> Identity:
    """The Secret's before the worker's; the worker's is for AWS' own addresses only."""
    given, environ = source.credentials, source.environ
    if given:
        return Fixed(_of_secret(given))
    if source.provider.address:
        raise InvalidInput(
            "an address of its own is not shown the worker's keys",
            field="provider.secretRef",
            mend=f"name a Secret with {ACCESS} and {SECRET}, or remove the address",
        )
    if environ.get(ACCESS) and environ.get(SECRET):
        return Fixed(Keys(environ[ACCESS], environ[SECRET], environ.get(SESSION, "")))
    if environ.get(ROLE) and environ.get(TOKEN_FILE):
        return _pod_role(source, environ)
    raise InvalidInput(
        "there are no keys for CloudWatch",
        field="provider.secretRef",
        mend=f"name a Secret with {ACCESS} and {SECRET}, or give the worker both, or a role",
    )


def _of_secret(given: Credentials) -> Keys:
    return Keys(given.needed(ACCESS), given.needed(SECRET), given.values.get(SESSION, ""))


def _pod_role(source: Source, environ: Mapping[str, str]) -> PodRole:
    region = source.provider.region
    address = environ.get(STS_ENDPOINT) or source.provider.base_address.replace("monitoring.", "sts.", 1)
    exchange = Exchange(
        f"AWS {shown(address)}",
        source.elsewhere(f"{address.rstrip('/')}/"),
        headers=[("Accept", "application/json")],
        identity=f"the pod's token for {environ[ROLE]} in {region}",
    )
    return PodRole(exchange, environ[ROLE], Path(environ[TOKEN_FILE]))
