"""What `python -m tidegate.sandbox demo` ends with, and says, when it does not go well."""

from pathlib import Path

import pytest

from tidegate.sandbox import __main__ as program
from tidegate.sandbox.demo.commands import CommandError
from tidegate.sandbox.demo.story import Surprise
from tidegate.sandbox.processes import ProcessError


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Surprise("users lost requests"), 1, ["not as it has to be: users lost requests", "{}/logs"]),
        (CommandError("`false` ended with 1, not 0"), 1, ["`false` ended with 1, not 0", "{}/logs"]),
        (ProcessError("envoy ended with 1"), 5, ["sandbox: envoy ended with 1"]),
        (FileNotFoundError("prometheus was not found"), 5, ["sandbox: prometheus was not found"]),
        (ExceptionGroup("", [OSError("one"), OSError("two")]), 5, ["sandbox: one", "sandbox: two"]),
    ],
)
def test_the_exit_code_and_the_reason_tell_what_went_wrong(
    error: Exception,
    code: int,
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(program, "show", fail)

    assert program.main(["demo", "--dir", str(tmp_path)]) == code
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(lines) == len(said)
    assert all(text.format(tmp_path) in line for text, line in zip(said, lines, strict=True))
