"""How payloads travel to Temporal and back: as pydantic's JSON, and encrypted where the settings say so.

The worker and every command use this converter. It reads what is not encrypted, too, so that encryption can
be turned on, and its keys changed, while releases are under way.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from tidegate.adapters.encryption import Keyring, Sealed
from tidegate.settings import Settings, SettingsError

ENCODING = "binary/encrypted"
KEY_ID = "encryption-key-id"


class EncryptionCodec(PayloadCodec):
    """Encrypts whole payloads, their metadata included, with the keyring's active key; opens all it has."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt, if there is an active key."""
        return [self.sealed(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt what is encrypted. SettingsError when a key is not here."""
        return [self.opened(payload) for payload in payloads]

    def sealed(self, payload: Payload) -> Payload:
        """One payload, encrypted unless there is no active key."""
        if not self._keyring.active:
            return payload
        sealed = self._keyring.seal(payload.SerializeToString())
        metadata = {"encoding": ENCODING.encode(), KEY_ID: sealed.key_id.encode()}
        return Payload(metadata=metadata, data=sealed.data)

    def opened(self, payload: Payload) -> Payload:
        """One payload as it was before it was encrypted; another one as it is."""
        if payload.metadata.get("encoding") != ENCODING.encode():
            return payload
        key_id = payload.metadata.get(KEY_ID, b"").decode(errors="replace")
        try:
            return Payload.FromString(self._keyring.open(Sealed(key_id, payload.data)))
        except DecodeError:
            raise SettingsError(
                file="settings", field=f"encryption.keys.{key_id}", mend="opens what is no payload"
            ) from None


def data_converter(settings: Settings, environ: Mapping[str, str] | None = None) -> DataConverter:
    """What a client of Temporal converts with. SettingsError when a key cannot be read.

    With an active key, messages and stack traces of failures are encrypted as well.
    """
    keyring = Keyring.load(settings.encryption, environ)
    failures = DefaultFailureConverterWithEncodedAttributes if keyring.active else DefaultFailureConverter
    return dataclasses.replace(
        pydantic_data_converter, payload_codec=EncryptionCodec(keyring), failure_converter_class=failures
    )
