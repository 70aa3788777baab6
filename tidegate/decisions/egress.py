"""Which addresses of a manifest the worker may call, and which IP addresses it never reaches by accident.

Cloud providers give a machine's credentials to whoever asks a link-local address from it, so those are
refused unless an installation lists them.
"""

import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from tidegate.decisions.alerts import ProviderOf
from tidegate.decisions.hooks import is_native_load, native_load
from tidegate.decisions.queries import TemplateOf
from tidegate.domain.base import Model
from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

METADATA_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
        "100.100.100.200/32",  # Alibaba
        "192.0.0.192/32",  # Oracle
    )
)
METADATA_NAMES = ("metadata.google.internal", "metadata.goog", "instance-data.ec2.internal")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_AUTHORITY = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:@\[\]-]+")
_PORTS = {"http": 80, "https": 443}


class Egress(Model):
    """The addresses that manifests may name: `hosts` as in the settings, and schemes."""

    hosts: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ("http", "https")

    def check(self, url: str, field: str = "") -> None:
        """InvalidInput unless the URL's scheme and host are allowed. Asks nobody."""
        parts = _split(url, field)
        if parts.scheme not in self.schemes:
            schemes = " or ".join(self.schemes)
            raise InvalidInput(
                f"uses {parts.scheme}, which addresses.allowed_schemes does not allow",
                field=field,
                mend=f"use {schemes}",
            )
        host = _host(parts)
        if self.hosts and not self._lists(host, parts):
            raise _refused(host, field, "is not among addresses.allowed_hosts of the settings")
        if _is_metadata_name(host) and not self._lists_itself(host, parts):
            raise _refused(host, field, "is a link-local or metadata address")

    def check_peer(self, url: str, address: str) -> None:
        """InvalidInput when the URL's host turns out to be at a link-local or metadata address."""
        parts = urlsplit(url)
        host = _host(parts)
        if _is_metadata(_ip(address)) and not self._lists_itself(host, parts):
            raise _refused(host, "", f"is at {address}, a link-local or metadata address,")

    def _lists(self, host: str, parts: SplitResult) -> bool:
        return any(_matches(pattern, host, parts) for pattern in self.hosts)

    def _lists_itself(self, host: str, parts: SplitResult) -> bool:
        """A pattern of many names is no consent to what one of them resolves to."""
        return any(_matches(each, host, parts) for each in self.hosts if not each.startswith("*."))


class _Address(NamedTuple):
    """A URL of a manifest and the field it stands in."""

    url: str
    field: str


def check_addresses(
    canary: Canary,
    template_of: TemplateOf,
    provider_of: ProviderOf,
    egress: Egress,
    *,
    load_mode: str,
    prometheus: str,
) -> None:
    """InvalidInput names the canary's hook, metric or alert whose address may not be called.

    `prometheus` is the cluster's own of the settings, which a template may repeat. What a chat's Secret holds
    is known when the chat is called.
    """
    try:
        for url, field in (*_addresses(canary, template_of, load_mode), *_chats(canary, provider_of)):
            if url.rstrip("/") != prometheus:
                egress.check(url, field)
    except InvalidInput as error:
        raise error.within(f"Canary {canary.namespace}/{canary.name}") from None


def _addresses(canary: Canary, template_of: TemplateOf, load_mode: str) -> Iterator[_Address]:
    analysis = canary.spec.analysis
    for index, hook in enumerate(analysis.webhooks):
        field = f"spec.analysis.webhooks.{index}"
        if is_native_load(hook, load_mode):
            with contextlib.suppress(InvalidInput):  # another check tells what is wrong with the command
                yield _Address(native_load(hook, canary.namespace).url, f"{field}.metadata.cmd")
        else:
            yield _Address(hook.url, f"{field}.url")
    if canary.spec.metrics_server:
        yield _Address(canary.spec.metrics_server, "spec.metricsServer")
    for index, metric in enumerate(analysis.metrics):
        template = template_of(metric) if metric.template_ref else None
        if template and template.spec.provider.base_address:
            yield _Address(template.spec.provider.base_address, f"spec.analysis.metrics.{index}.templateRef")


def _chats(canary: Canary, provider_of: ProviderOf) -> Iterator[_Address]:
    for index, alert in enumerate(canary.spec.analysis.alerts):
        if provider := provider_of(alert):
            for url in filter(None, (provider.spec.address, provider.spec.proxy)):
                yield _Address(url, f"spec.analysis.alerts.{index}.providerRef")


def _split(url: str, field: str) -> SplitResult:
    """What two readers of URLs may read differently is no address."""
    try:
        parts = urlsplit(url)
        valid = parts.port != 0 and parts.hostname and _AUTHORITY.fullmatch(parts.netloc)
    except ValueError:
        valid = False
    if not valid or parts.scheme not in _PORTS or not url.isprintable() or "\\" in url:
        raise InvalidInput("is not a valid http address", field=field, mend="write http://host:port/path")
    return parts


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".").lower()


def _matches(pattern: str, host: str, parts: SplitResult) -> bool:
    wanted, port = _pattern_parts(pattern)
    if port and port != (parts.port or _PORTS.get(parts.scheme)):
        return False
    return host.endswith(wanted[1:]) if wanted.startswith("*.") else host == wanted


def _pattern_parts(pattern: str) -> tuple[str, int]:
    """The host, without an IPv6 address's brackets, and the port or 0."""
    host, colon, port = pattern.rpartition(":")
    if not colon or not port.isdigit() or (pattern.startswith("[") and not host.endswith("]")):
        host, port = pattern, "0"
    return host.strip("[]"), int(port)


def _refused(host: str, field: str, reason: str) -> InvalidInput:
    return InvalidInput(
        f"the host {host!r} {reason} and may not be called",
        field=field,
        mend="correct the address, or add the host to addresses.allowed_hosts of the settings",
    )


def _is_metadata_name(host: str) -> bool:
    return host in METADATA_NAMES or _is_metadata(_ip(host))


def _is_metadata(address: IpAddress | None) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        address = _embedded(address) or address
    return address is not None and any(address in network for network in METADATA_NETWORKS)


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _ip(host: str) -> IpAddress | None:
    """An IP address in any spelling that the system's resolver takes for one: 0xa9fea9fe, 169.254.43518."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeEncodeError, ValueError):
        return None
