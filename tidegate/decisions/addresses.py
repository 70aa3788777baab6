"""Which HTTP addresses are in-cluster ones: what only a cluster's own DNS resolves."""

import re
from urllib.parse import urlsplit

from tidegate.domain.base import Model

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"({_LABEL})\.({_LABEL})(?:\.svc(?:\.cluster\.local)?)?")


class ServiceAddress(Model):
    """A URL that names a Service. `path` starts with / and has the query string."""

    scheme: str
    service: str
    namespace: str
    port: int
    path: str


def service_address(url: str) -> ServiceAddress | None:
    """The Service that a URL names: host name.namespace, with or without .svc or .svc.cluster.local.

    None for every other host, IPv4 addresses included. A public name of two labels (example.com) looks the
    same, so callers ask only for clusters whose settings turn the service proxy on.
    """
    parts = urlsplit(url)
    host = _HOST.fullmatch(parts.hostname or "")
    if host is None or parts.scheme not in ("http", "https"):
        return None
    path = parts.path or "/"
    return ServiceAddress(
        scheme=parts.scheme,
        service=host[1],
        namespace=host[2],
        port=parts.port or (443 if parts.scheme == "https" else 80),
        path=f"{path}?{parts.query}" if parts.query else path,
    )
