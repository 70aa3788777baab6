"""Keys by reference, and bytes that only their key opens."""

import base64
from pathlib import Path

import pytest

from tidegate.adapters.encryption import Keyring, Sealed
from tidegate.settings import EncryptionKey, EncryptionSettings, SettingsError

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_what_is_sealed_opens_to_the_same_bytes() -> None:
    ring = Keyring({"new": NEW}, "new")

    assert ring.open(ring.seal(b"release podinfo")) == b"release podinfo"


def test_the_same_bytes_are_never_sealed_to_the_same() -> None:
    ring = Keyring({"new": NEW}, "new")

    assert ring.seal(b"x").data != ring.seal(b"x").data


def test_an_old_key_still_opens_after_a_new_one_is_active() -> None:
    sealed = Keyring({"old": OLD}, "old").seal(b"x")

    assert Keyring({"old": OLD, "new": NEW}, "new").open(sealed) == b"x"


def test_an_unknown_key_is_one_line_that_names_it() -> None:
    sealed = Keyring({"old": OLD}, "old").seal(b"x")

    with pytest.raises(SettingsError) as raised:
        Keyring({"new": NEW}, "new").open(sealed)
    assert str(raised.value) == (
        "settings: encryption.keys: data is encrypted with key 'old', which is not here: add it (known: new)"
    )


@pytest.mark.parametrize("position", [0, 12, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    ring = Keyring({"new": NEW}, "new")
    data = bytearray(ring.seal(b"release").data)
    data[position] ^= 1

    with pytest.raises(SettingsError, match="it was changed, or the key is another one"):
        ring.open(Sealed("new", bytes(data)))


@pytest.mark.parametrize("length", [0, 1, 11, 12, 27])
def test_too_few_bytes_are_refused(length: int) -> None:
    with pytest.raises(SettingsError, match="does not open"):
        Keyring({"new": NEW}, "new").open(Sealed("new", bytes(length)))


def test_a_key_cannot_pass_for_another() -> None:
    sealed = Keyring({"old": OLD}, "old").seal(b"x")

    with pytest.raises(SettingsError, match="does not open"):
        Keyring({"old": OLD, "new": OLD}, "new").open(Sealed("new", sealed.data))


def test_keys_are_read_from_variables_and_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{_text(NEW)}\n")
    settings = EncryptionSettings(
        active_key="new", keys={"old": EncryptionKey(env="OLD"), "new": EncryptionKey(file=f"{tmp_path}/key")}
    )
    ring = Keyring.load(settings, {"OLD": _text(OLD)})

    assert Keyring({"new": NEW}, "new").open(ring.seal(b"x")) == b"x"
    assert ring.open(Keyring({"old": OLD}, "old").seal(b"y")) == b"y"


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        (
            EncryptionKey(env="ABSENT"),
            "encryption.keys.k.env: the environment variable ABSENT is not set here",
        ),
        (EncryptionKey(file="/nowhere"), "encryption.keys.k.file: /nowhere cannot be read: No such file"),
        (EncryptionKey(env="SHORT"), "encryption.keys.k: is not 32 bytes in base64; make one with"),
        (EncryptionKey(env="WILD"), "encryption.keys.k: is not 32 bytes in base64; make one with"),
    ],
)
def test_a_key_that_cannot_be_had_is_named_without_its_value(key: EncryptionKey, complaint: str) -> None:
    settings = EncryptionSettings(keys={"k": key})

    with pytest.raises(SettingsError) as raised:
        Keyring.load(settings, {"SHORT": _text(b"short-secret"), "WILD": "s3cret!"})
    assert complaint in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert _text(b"short-secret") not in str(raised.value)
