"""Encrypts and opens bytes with the keys of the settings, by AES-256-GCM.

What is sealed is 12 bytes of nonce, the ciphertext and its 16 bytes of tag. The key's id is authenticated
with it, so that nobody can pass one key's work off as another's.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tidegate.settings import EncryptionKey, EncryptionSettings, SettingsError

KEY_BYTES = 32
NONCE_BYTES = 12
_CONTEXT = b"tidegate payload 1 "


class Sealed(NamedTuple):
    """Encrypted bytes and the key that opens them."""

    key_id: str
    data: bytes


class Keyring:
    """The keys by their ids, and the one that new bytes are encrypted with. Safe for use from any thread."""

    def __init__(self, keys: Mapping[str, bytes], active: str = "") -> None:
        """`keys` are of 32 bytes each; without `active` nothing can be sealed."""
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.active = active

    @classmethod
    def load(cls, settings: EncryptionSettings, environ: Mapping[str, str] | None = None) -> "Keyring":
        """Read every key where the settings say; SettingsError names the key that cannot be had."""
        environ = os.environ if environ is None else environ
        keys = {key_id: _read(key_id, key, environ) for key_id, key in settings.keys.items()}
        return cls(keys, settings.active_key)

    def seal(self, data: bytes) -> Sealed:
        """Encrypt with the active key. The nonce is random: one key is good for 2**32 of them."""
        nonce = os.urandom(NONCE_BYTES)
        cipher = self._ciphers[self.active]
        return Sealed(self.active, nonce + cipher.encrypt(nonce, data, _CONTEXT + self.active.encode()))

    def open(self, sealed: Sealed) -> bytes:
        """Decrypt. SettingsError when the key is not here, or does not fit."""
        key_id, data = sealed
        if key_id not in self._ciphers:
            known = ", ".join(sorted(self._ciphers)) or "none"
            raise _error(
                "encryption.keys",
                f"data is encrypted with key {key_id!r}, which is not here: add it (known: {known})",
            )
        try:
            return self._ciphers[key_id].decrypt(
                data[:NONCE_BYTES], data[NONCE_BYTES:], _CONTEXT + key_id.encode()
            )
        except (InvalidTag, ValueError):
            mend = "data does not open with this key: it was changed, or the key is another one elsewhere"
            raise _error(f"encryption.keys.{key_id}", mend) from None


def _read(key_id: str, key: EncryptionKey, environ: Mapping[str, str]) -> bytes:
    field = f"encryption.keys.{key_id}"
    text = _from_variable(field, key.env, environ) if key.env else _from_file(field, Path(key.file))
    try:
        secret = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise _error(
            field, f"is not {KEY_BYTES} bytes in base64; make one with `openssl rand -base64 {KEY_BYTES}`"
        )
    return secret


def _from_variable(field: str, name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "")
    if not value:
        raise _error(f"{field}.env", f"the environment variable {name} is not set here")
    return value


def _from_file(field: str, path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise _error(f"{field}.file", f"{path} cannot be read: {reason}") from None


def _error(field: str, mend: str) -> SettingsError:
    return SettingsError(file="settings", field=field, mend=mend)
