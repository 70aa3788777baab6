"""What every section of the settings is made of: its base model, and the types of addresses and paths."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo


def _web_address(value: str) -> str:
    """Accept "" or an http(s) base address; secrets in it are refused, for addresses are logged."""
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write an address such as http://host:9090")
    if parts.username or parts.password:
        raise ValueError("take user and password out of the address")
    return value.rstrip("/")


def _listen_address(value: str) -> str:
    """Accept "" or host:port."""
    host, _, port = value.rpartition(":")
    if value and not (host and port.isdigit() and int(port) < 65536):
        raise ValueError("write host:port, such as 127.0.0.1:9464")
    return value


def located(value: str, info: ValidationInfo) -> str:
    """Expand ~ and place a relative path beside the settings file."""
    if not value:
        return value
    folder: Path = (info.context or {}).get("folder", Path())
    return str(folder / Path(value).expanduser())


WebAddress = Annotated[str, AfterValidator(_web_address)]
ListenAddress = Annotated[str, AfterValidator(_listen_address)]
LocatedPath = Annotated[str, AfterValidator(located)]


class Section(BaseModel):
    """Frozen, closed to unknown fields, and described by the docstring under each field."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )
