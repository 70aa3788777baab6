"""`tidegate codec-server`: lets Temporal's UI and command line read what the settings encrypt."""

import os
import signal
import threading
from collections.abc import Mapping

from tidegate.adapters.encryption import Keyring
from tidegate.cli.codec_http import CodecServer, Guard
from tidegate.cli.exits import FAILED, CommandFailed, exits
from tidegate.cli.options import Json
from tidegate.cli.output import Output
from tidegate.cli.payloads import EncryptionCodec
from tidegate.settings import CodecServerSettings, SettingsError, load_settings


@exits
def serve_codec(json: Json = False) -> int:
    """Decrypt payloads for Temporal's UI and command line, until Ctrl-C or SIGTERM.

    Where it listens, whose pages may ask and which token they bring is in `codec_server` of the settings.
    """
    settings = load_settings()
    if not settings.encryption.keys:
        raise SettingsError(
            file="settings", field="encryption.keys", mend="there is nothing to decrypt with: add a key"
        )
    codec = EncryptionCodec(Keyring.load(settings.encryption))
    server = _listening(settings.codec_server, codec)
    host, port = settings.codec_server.address.rpartition(":")[0], server.server_address[1]
    endpoint = f"http://{host}:{port}"
    output = Output(as_json=json)
    if json:
        output.document({"event": "codec-server", "endpoint": endpoint})
    output.say(f"codec server: {endpoint}, for pages of {', '.join(settings.codec_server.origins)}")
    _serve(server)
    return 0


def _listening(settings: CodecServerSettings, codec: EncryptionCodec) -> CodecServer:
    try:
        guard = Guard(frozenset(map(str.lower, settings.origins)), _token(settings, os.environ))
        return CodecServer(settings.address, codec, guard)
    except OSError as error:
        line = f"cannot listen on {settings.address}: {error.strerror}; change codec_server.address"
        raise CommandFailed(line, FAILED) from None


def _token(settings: CodecServerSettings, environ: Mapping[str, str]) -> str:
    name = settings.token_env
    if name and not environ.get(name):
        mend = f"the environment variable {name} is not set here"
        raise SettingsError(file="settings", field="codec_server.token_env", mend=mend)
    return environ[name] if name else ""


def _serve(server: CodecServer) -> None:
    """Answer until a signal comes; `shutdown` would wait for itself in the thread that serves."""

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with server:
        server.serve_forever()
