"""What a process has used of the machine, by /proc."""

import os
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    """CPU seconds since the process began, its ended children's apart; resident memory in MiB; threads."""

    cpu: float
    children_cpu: float
    memory: float
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """A running process, now."""
        return parse((Path("/proc") / str(pid) / "stat").read_text())


def parse(stat: str) -> Usage:
    """The text of /proc/<pid>/stat; the program's name in it may hold anything, spaces included."""
    fields = stat.rpartition(")")[2].split()
    user, system, child_user, child_system = (int(field) for field in fields[11:15])
    return Usage(
        cpu=(user + system) / _TICKS,
        children_cpu=(child_user + child_system) / _TICKS,
        memory=int(fields[21]) * _PAGE / 2**20,
        threads=int(fields[17]),
    )
