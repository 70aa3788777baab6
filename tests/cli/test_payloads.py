"""The converter of the worker and of every command."""

import base64
from typing import Any

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from tidegate.cli.payloads import data_converter
from tidegate.settings import EncryptionKey, EncryptionSettings, Settings, SettingsError

ENVIRON = {name: base64.b64encode(name.encode() * 8).decode() for name in ("key1", "key2")}


def _converter(active: str = "", keys: str = "") -> DataConverter:
    encryption = EncryptionSettings(
        active_key=active, keys={key: EncryptionKey(env=key) for key in keys.split()}
    )
    return data_converter(Settings(encryption=encryption), ENVIRON)


async def _passed(value: Any, writer: DataConverter, reader: DataConverter) -> Any:
    return (await reader.decode(await writer.encode([value])))[0]


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        (_converter(), _converter("key1", "key1")),
        (pydantic_data_converter, _converter("key1", "key1")),
        (_converter("key1", "key1"), _converter("key1", "key1")),
        (_converter("key1", "key1 key2"), _converter("key2", "key1 key2")),
        (_converter("key2", "key1 key2"), _converter("key1", "key1 key2")),
        (_converter("key1", "key1"), _converter("", "key1")),
    ],
    ids=["off-on", "before", "on-on", "rotated", "rotating", "turned-off"],
)
async def test_what_one_writes_the_other_reads(writer: DataConverter, reader: DataConverter) -> None:
    assert await _passed({"name": "podinfo"}, writer, reader) == {"name": "podinfo"}


async def test_an_encrypted_payload_shows_nothing_but_its_key() -> None:
    (payload,) = await _converter("key1", "key1").encode(["podinfo"])

    assert dict(payload.metadata) == {"encoding": b"binary/encrypted", "encryption-key-id": b"key1"}
    assert b"podinfo" not in payload.data


@pytest.mark.parametrize("reader", [_converter(), _converter("key2", "key2")])
async def test_an_unknown_key_is_one_clear_line(reader: DataConverter) -> None:
    with pytest.raises(
        SettingsError, match=r"^settings: encryption\.keys: data is encrypted with key 'key1'"
    ):
        await _passed("x", _converter("key1", "key1"), reader)


async def test_the_words_of_a_failure_are_encrypted_and_come_back() -> None:
    converter, failure = _converter("key1", "key1"), Failure()
    await converter.encode_failure(ApplicationError("podinfo is broken", "detail"), failure)

    assert failure.message == "Encoded failure"
    assert b"podinfo" not in failure.SerializeToString()
    assert str(await converter.decode_failure(failure)) == "podinfo is broken"


async def test_failures_without_encryption_stay_readable() -> None:
    failure = Failure()
    await _converter("", "key1").encode_failure(ApplicationError("podinfo is broken"), failure)

    assert failure.message == "podinfo is broken"
