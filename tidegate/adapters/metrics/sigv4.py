"""AWS' Signature Version 4 of one request without a query string."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Keys:
    """An identity of AWS; `session` is the token of a temporary one."""

    access: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


def signed(
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    keys: Keys,
    region: str,
    service: str,
    now: datetime,
    path: str = "/",
) -> dict[str, str]:
    """The headers with those that sign them; `headers` must have Host. `now` is in UTC."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    dated = {name.lower(): value.strip() for name, value in headers.items()} | {"x-amz-date": stamp}
    if keys.session:
        dated["x-amz-security-token"] = keys.session
    names = ";".join(sorted(dated))
    canonical = "\n".join(
        [
            method,
            path,
            "",
            *(f"{name}:{dated[name]}" for name in sorted(dated)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(_key(keys.secret, scope), text.encode(), hashlib.sha256).hexdigest()
    authorization = (
        f"{ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return dated | {"authorization": authorization}


def _key(secret: str, scope: str) -> bytes:
    """The key of a day, a region and a service."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
