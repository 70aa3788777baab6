"""Runs git: without prompts, hooks, submodules or the machine's own configuration, within a time limit.

Credentials reach git through its askpass program, which reads them from the environment of that one
process; they are never part of a command line, a URL, a file or a message.
"""

import os
import shlex
import signal
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from urllib.parse import quote

from git import Git

from tidegate.adapters.files import write_atomically
from tidegate.adapters.git.address import FIELD, RepositoryAddress
from tidegate.domain.errors import AccessDenied, InvalidInput, TidegateError, Unreachable
from tidegate.domain.redaction import redacted
from tidegate.settings import GitCredential

CONFIGURATION = """\
[core]
	hooksPath = /dev/null
	fsmonitor = false
[protocol]
	allow = never
[protocol "https"]
	allow = always
[protocol "ssh"]
	allow = always
[protocol "file"]
	allow = always
[http]
	lowSpeedLimit = 1000
	lowSpeedTime = 60
[gc]
	autoDetach = false
[maintenance]
	autoDetach = false
[submodule]
	recurse = false
[safe]
	directory = *
"""
"""All the configuration git gets. `safe.directory`: local repositories may belong to somebody else; nothing
in them is executed, for hooks are off and no work tree of theirs is used."""

ASKPASS = """\
#!/bin/sh
# Answers git's questions for one host only, so that a redirect elsewhere learns nothing.
case "$1" in
  Username*"//$TIDEGATE_GIT_HOST': ") printf '%s\\n' "$TIDEGATE_GIT_USERNAME" ;;
  Password*"@$TIDEGATE_GIT_HOST': ") printf '%s\\n' "$TIDEGATE_GIT_PASSWORD" ;;
  *) exit 1 ;;
esac
"""

LOCAL_TIMEOUT_SECONDS = 120.0
_LOGIN = ("authentication failed", "could not read username", "could not read password")
_NO_LOGIN = (
    "it asks for a login and no [git.credentials] of the settings fits; "
    'add [git.credentials."{prefix}"] with token_env'
)
_DENIED = (
    *_LOGIN,
    "permission denied",
    "host key verification failed",
    "error: 401",
    "error: 403",
    "access denied",
)
_WRONG_ADDRESS = (
    "not found",
    "does not appear to be a git repository",
    "error: 404",
    "no such remote",
    "not allowed",
    "not a git repository",
)


class GitFailed(Exception):
    """Git ended with an error; `message` is its own most telling line, without secrets."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class GitCommand:
    """Runs git for one repository, with that repository's credentials."""

    def __init__(
        self, home: Path, address: RepositoryAddress, credential: GitCredential, environ: Mapping[str, str]
    ) -> None:
        self.address = address
        self._home = home
        self._credential = credential
        self._environ = environ

    def local(self, *arguments: str, index: Path | None = None, lock: int | None = None) -> str:
        """Run a command that stays on this machine; its output, stripped. Raises GitFailed, Unreachable."""
        environment = self._base_environment()
        if index:
            environment["GIT_INDEX_FILE"] = str(index)
        return self._run(arguments, environment, LOCAL_TIMEOUT_SECONDS, lock)

    def remote(self, *arguments: str, timeout: float, lock: int | None = None) -> str:
        """Run a command that talks to the repository, within `timeout` seconds; its output, stripped.

        Raises GitFailed; `explain` says what that means.
        """
        return self._run(arguments, self._base_environment() | self._access(), timeout, lock)

    def explain(self, failure: GitFailed) -> TidegateError:
        """What a failed conversation with the repository means to a release."""
        text = failure.message.lower()
        if self._lacks_login(text):
            return AccessDenied(self.neighbour, _NO_LOGIN.format(prefix=f"https://{self.address.host}"))
        if any(sign in text for sign in _DENIED):
            return AccessDenied(self.neighbour, failure.message)
        if any(sign in text for sign in _WRONG_ADDRESS):
            return InvalidInput(
                f"{self.address} cannot be read: {failure.message}", field=FIELD, mend="correct the URL"
            )
        return Unreachable(self.neighbour, failure.message)

    def _lacks_login(self, text: str) -> bool:
        """Whether the repository's own host asked for a login that the settings do not have."""
        asked = self.address.host in text and any(sign in text for sign in _LOGIN)
        return asked and self.address.transport == "https" and not self._credential.token_env

    @property
    def neighbour(self) -> str:
        """The repository as errors call it."""
        return f"Git repository {self.address}"

    def _base_environment(self) -> dict[str, str]:
        configuration = self._home / "gitconfig"
        write_atomically(configuration, CONFIGURATION)
        return {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(configuration),
            "GIT_CONFIG_COUNT": "0",
            "GIT_CEILING_DIRECTORIES": str(self._home.parent),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_SSH_VARIANT": "ssh",
            "GIT_ASKPASS": "/bin/false",
            "SSH_ASKPASS": "/bin/false",
        }

    def _access(self) -> dict[str, str]:
        if self.address.transport == "ssh":
            return {"GIT_SSH_COMMAND": shlex.join(self._ssh())}
        username, password = self._login()
        if self.address.transport == "file" or not (password or self.address.username):
            return {}
        askpass = self._home / "askpass"
        write_atomically(askpass, ASKPASS, mode=0o700)
        return {
            "GIT_ASKPASS": str(askpass),
            "TIDEGATE_GIT_HOST": self.address.host,
            "TIDEGATE_GIT_USERNAME": username,
            "TIDEGATE_GIT_PASSWORD": password,
        }

    def _login(self) -> tuple[str, str]:
        if not self._credential.token_env:
            return self.address.username or "git", ""
        name = self._credential.username_env
        username = self._variable(name) if name else self.address.username or "git"
        return username, self._variable(self._credential.token_env)

    def _ssh(self) -> list[str]:
        options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=15"]
        options += ["ServerAliveInterval=15", "ServerAliveCountMax=4", "ControlMaster=no", "ControlPath=none"]
        if self._credential.ssh_known_hosts:
            options.append(f'UserKnownHostsFile="{self._credential.ssh_known_hosts}"')
        command = ["ssh", *(word for option in options for word in ("-o", option))]
        if self._credential.ssh_key_file_env:
            key = self._variable(self._credential.ssh_key_file_env)
            command += ["-o", "IdentitiesOnly=yes", "-i", key]
        return command

    def _variable(self, name: str) -> str:
        value = self._environ.get(name, "")
        if not value:
            raise AccessDenied(self.neighbour, f"the environment variable {name} is not set here")
        return value

    def _run(
        self, arguments: tuple[str, ...], environment: dict[str, str], timeout: float, lock: int | None
    ) -> str:
        """Git inherits the lock: should this process die, the lock stands until git has ended as well."""
        started = Git(str(self._home)).execute(
            ["git", *arguments],
            as_process=True,
            env=environment,
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
        )
        process = cast("subprocess.Popen[bytes]", started.proc)
        try:
            output, complaint = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Unreachable(self.neighbour, f"no answer within {timeout:g} s") from None
        if process.returncode:
            raise GitFailed(self._telling(complaint.decode(errors="replace"), environment))
        return output.decode(errors="replace").strip()

    def _telling(self, complaint: str, environment: Mapping[str, str]) -> str:
        """The line that says most, without secrets and without this machine's cache folder."""
        lines = [line.strip() for line in complaint.splitlines() if line.strip()]
        lines.sort(key=_vagueness)
        text = lines[0] if lines else "git failed without a word"
        return self._without_secrets(text, environment).replace(str(self._home), "<cache>")[:500]

    def _without_secrets(self, text: str, environment: Mapping[str, str]) -> str:
        """Git is told none but through askpass, yet a server may echo one."""
        username, password = (
            environment.get(f"TIDEGATE_GIT_{name}", "") for name in ("USERNAME", "PASSWORD")
        )
        sent = b64encode(f"{username}:{password}".encode()).decode()
        text = redacted(text, [password, quote(password, safe=""), sent])
        if self.address.transport == "https" and self.address.username:
            text = text.replace(f"{quote(self.address.username)}@", "***@")
        return text


def _vagueness(line: str) -> int:
    """Orders git's lines: the reason for a refusal, errors, remarks, and what git adds to every failure."""
    text = line.lower()
    if any(sign in text for sign in _DENIED):
        return 0
    if "could not read from remote repository" in text or text.startswith(
        ("please make sure", "and the repo")
    ):
        return 3
    return 1 if text.startswith(("fatal:", "error:", "ssh:")) else 2
