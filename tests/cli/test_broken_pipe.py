"""A reader that leaves, as `head` does, ends a command without a word."""

import subprocess
import sys

from tidegate.cli.output import PIPE_CLOSED

TALKATIVE = "from tidegate.cli.output import Output\nwhile True: Output(as_json=False).say('a line')"


def test_a_command_that_nobody_reads_any_more_ends_in_silence() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TALKATIVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline() == "a line\n"
        command.stdout.close()
        assert (command.wait(timeout=30), command.stderr.read()) == (PIPE_CLOSED, "")
