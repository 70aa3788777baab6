"""Google Cloud Monitoring (Stackdriver): a query in MQL, as the service account of the template's Secret.

The account's key signs a claim, for which Google gives a token of one hour; it is asked for at each query.
"""

import base64
import json
import time
from typing import Any
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tidegate.adapters.metrics.exchange import Exchange
from tidegate.adapters.metrics.source import Source, bearer, number
from tidegate.adapters.reach import shown
from tidegate.decisions.judge import Sample
from tidegate.domain.base import Model
from tidegate.domain.errors import InvalidInput

SCOPE = "https://www.googleapis.com/auth/monitoring.read"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_SECONDS = 3600
SKEW_SECONDS = 30
"""A claim from the future is refused, and the worker's clock may be ahead."""

KEY = "serviceAccountKey"


class ServiceAccount(Model):
    """What of Google's key file is used."""

    model_config = Model.model_config | {"extra": "ignore"}

    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address

    def claim(self) -> str:
        """A signed claim to be this account; InvalidInput when the key is none of RSA."""
        now = int(time.time()) - SKEW_SECONDS
        header = {"alg": "RS256", "typ": "JWT", "kid": self.private_key_id}
        claims = {
            "iss": self.client_email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
        }
        text = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
        return f"{text}.{_encoded(self._key().sign(text.encode(), PKCS1v15(), SHA256()))}"

    def _key(self) -> RSAPrivateKey:
        try:
            key = load_pem_private_key(self.private_key.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _unusable("has no private key that can be read") from None
        if not isinstance(key, RSAPrivateKey):
            raise _unusable("has no RSA key")
        return key


class Stackdriver:
    """One project."""

    def __init__(self, exchange: Exchange, tokens: Exchange, account: ServiceAccount) -> None:
        self._exchange = exchange
        self._tokens = tokens
        self._account = account

    async def query(self, query: str) -> Sample:
        """Run the MQL. The newest point of the first series, as in Flagger."""
        body = json.dumps({"query": query}).encode()
        (authorization,) = bearer(await self._token())
        answer = await self._exchange.post(body, "application/json", authorization)
        match answer.json:
            case {"timeSeriesData": [{"pointData": [{"values": [dict(value), *_]}, *_]}, *_] as series}:
                return Sample(value=_value(value), series=len(series), chosen="first")
            case {"timeSeriesData": [{"pointData": []}, *_]} | {"timeSeriesData": []}:
                return Sample()
            case {"timeSeriesDescriptor": _} as answered if "timeSeriesData" not in answered:
                return Sample()
            case empty if empty == {}:
                return Sample()
            case _:
                raise self._exchange.unlike("Cloud Monitoring")

    async def _token(self) -> str:
        """Whoever refuses the claim refuses the account: Google says so with a 400."""
        claim = self._account.claim()
        self._tokens.hide(claim)
        answer = await self._tokens.try_post_form({"grant_type": GRANT, "assertion": claim})
        match answer.json:
            case {"access_token": str(token)} if answer.status == 200:
                self._exchange.hide(token)
                return token
            case {"error": str(name), **more} if 400 <= answer.status < 500 and answer.status != 429:
                raise self._tokens.denial(f"{name} {more.get('error_description', '')}")
            case _ if answer.status != 200:
                raise self._tokens.refusal(answer)
            case _:
                raise self._tokens.unlike("Google's token endpoint")


def stackdriver(source: Source) -> Stackdriver:
    """A template's project, as the service account of its Secret."""
    project = quote(source.credentials.needed("project"), safe="")
    account = _account(source.credentials.needed(KEY))
    secrets = [account.private_key, *account.private_key.splitlines()]
    exchange = source.exchange(
        "Cloud Monitoring", f"/v3/projects/{project}/timeSeries:query", secrets=secrets
    )
    tokens = Exchange(
        f"Google {shown(account.token_uri)}",
        source.elsewhere(account.token_uri),
        secrets=secrets,
        identity=source.credentials.told,
    )
    return Stackdriver(exchange, tokens, account)


def _account(text: str) -> ServiceAccount:
    """The key file; its texts are never told."""
    try:
        return ServiceAccount.model_validate_json(text)
    except ValueError:
        raise _unusable("is no key file of a service account") from None


def _unusable(problem: str) -> InvalidInput:
    return InvalidInput(
        f"the Secret's {KEY} {problem}", field="provider.secretRef", mend="put in the JSON that Google gave"
    )


def _value(value: dict[str, Any]) -> float | None:
    """A typed value; 64-bit integers are texts in JSON."""
    match value:
        case {"doubleValue": float() | int() as found}:
            return number(found)
        case {"int64Value": str(digits)} if digits.lstrip("-").isdecimal():
            return float(digits)
        case _:
            return None


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
