"""How an address inside a cluster is reached from outside it: through the API server's service proxy."""

import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from tidegate.domain.errors import InvalidInput

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class ProxyTarget:
    """Where to send a request instead, as httpx takes it: `verify` holds the CA and any client certificate.

    `headers` hold a credential of the cluster: never log them.
    """

    url: str
    headers: dict[str, str] = field(repr=False)
    verify: ssl.SSLContext | bool


def proxy_path(url: str) -> str:
    """The API server's path for an in-cluster URL: http://loadtester.test/x -> .../http:loadtester:80/..."""
    parts = urlsplit(url)
    service, _, rest = (parts.hostname or "").partition(".")
    namespace = rest.partition(".")[0]
    if parts.scheme not in _PORTS or not (service and namespace):
        raise InvalidInput(
            f"{url!r} cannot be called through the service proxy", mend="write http://<service>.<namespace>/"
        )
    if not {".", ".."}.isdisjoint(unquote(parts.path).replace("\\", "/").split("/")):
        # Clients resolve such parts, and would leave the proxy for the API itself, with our credentials.
        raise InvalidInput(f"{url!r} climbs with '..'", mend="write the path without dots of its own")
    scheme = "https:" if parts.scheme == "https" else ""
    port = parts.port or _PORTS[parts.scheme]
    path = f"/api/v1/namespaces/{namespace}/services/{scheme}{service}:{port}/proxy{parts.path or '/'}"
    return f"{path}?{parts.query}" if parts.query else path
