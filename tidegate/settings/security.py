"""The sections on who may read and who may be called: encryption, the codec server, addresses."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from tidegate.decisions.egress import Egress
from tidegate.settings.section import ListenAddress, LocatedPath, Section, WebAddress

KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
_HOST_PATTERN = re.compile(
    r"(?:\*\.)?[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?(?::\d{1,5})?|\[[0-9a-f:.]+\](?::\d{1,5})?"
)


def _host_pattern(value: str) -> str:
    """Accept host, *.domain, an IPv4 address or [IPv6 address], each with or without :port."""
    if not _HOST_PATTERN.fullmatch(value.lower()):
        raise ValueError("write a host such as loadtester.test, *.example.com or 10.0.0.7:8080")
    return value.lower()


HostPattern = Annotated[str, AfterValidator(_host_pattern)]


class EncryptionKey(Section):
    """Where one key of 32 bytes in base64 is; always by reference, never by value. Give `env` or `file`."""

    env: str = ""
    """Environment variable that holds the key."""

    file: LocatedPath = ""
    """Path of a file that holds the key, such as a mounted Secret's."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.env) == bool(self.file):
            raise ValueError("give exactly one of env and file")
        return self


class EncryptionSettings(Section):
    """Encryption of what Temporal keeps: inputs, results, signals, details, summaries, failures' messages."""

    active_key: str = ""
    """Id of the key that is encrypted with. Empty: nothing is encrypted, though what is encrypted is still
    read. Set it once every worker, command line and codec server has the key."""

    keys: dict[KeyId, EncryptionKey] = Field(default_factory=dict)
    """Keys by id, old ones included for as long as Temporal keeps what they encrypted."""

    @model_validator(mode="after")
    def _active_key_is_known(self) -> Self:
        if self.active_key and self.active_key not in self.keys:
            raise ValueError(
                f"active_key {self.active_key!r} is not among keys; add [encryption.keys.{self.active_key}]"
            )
        return self


class CodecServerSettings(Section):
    """`tidegate codec-server`, which lets Temporal's UI and command line read what is encrypted."""

    address: ListenAddress = "127.0.0.1:8234"
    """host:port that it listens on. Beyond the loopback address a token is required."""

    origins: tuple[WebAddress, ...] = ("http://localhost:8233", "http://127.0.0.1:8233")
    """Addresses of the Temporal UIs whose pages may ask, as browsers write an origin: scheme, host and port.
    Pages of any other origin are refused. The defaults are the development server's UI."""

    token_env: str = ""
    """Environment variable that holds a token, which every request has to bring as `Authorization: Bearer`.
    Empty: no token, for the loopback address alone or with an authenticating proxy in front of it."""

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if not self.token_env and not is_loopback(self.address):
            raise ValueError("listening beyond the loopback address needs token_env")
        return self


class AddressSettings(Section):
    """Which addresses that manifests name may be called: webhooks, native load and MetricTemplate providers.

    Addresses of these settings are the operator's own word, and are not limited by this.
    """

    allowed_hosts: tuple[HostPattern, ...] = ()
    """Hosts as manifests write them: `loadtester.test`, `*.example.com` (names below it), an IP address, each
    with `:port` to allow that port only. Empty: every host but link-local and cloud metadata addresses, which
    are refused unless they are listed here by themselves."""

    allowed_schemes: tuple[Literal["http", "https"], ...] = ("http", "https")
    """`["https"]` refuses whatever travels in the clear."""

    @property
    def egress(self) -> Egress:
        """What decides on an address."""
        return Egress(hosts=self.allowed_hosts, schemes=self.allowed_schemes)


def is_loopback(address: str) -> bool:
    """Whether host:port is reached from this machine alone."""
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
