"""What is started ends with whoever started it, whatever ended that."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tidegate.sandbox.node.processes import Command, ZygoteClient

MODULE = "tidegate.sandbox.images.podinfo"

PROGRAM = """
import asyncio, sys
from pathlib import Path
from tidegate.sandbox.node.probes import listening
from tidegate.sandbox.node.processes import Command, ZygoteClient

MODULE = "tidegate.sandbox.images.podinfo"

async def main():
    folder, address = Path(sys.argv[1]), sys.argv[2]
    zygote = ZygoteClient([MODULE], folder / "zygote.log")
    await zygote.start()
    process = zygote.run(Command(MODULE, (), {}, address, "1.0.0", folder / "pod.log"))
    await listening(address, 9898)
    print(process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_container_that_is_only_being_forked_hears_its_end(tmp_path: Path) -> None:
    zygote = ZygoteClient([MODULE], tmp_path / "zygote.log")
    await zygote.start()
    for n in range(10):
        address, log = f"127.104.{os.getpid() % 256}.{n + 1}", tmp_path / "pod.log"
        process = zygote.run(Command(MODULE, ("--level=debug",), {}, address, "1.0.0", log))
        assert await process.terminate(10) in (0, 128 + signal.SIGTERM)
    await zygote.stop()


async def test_a_container_dies_with_a_sandbox_that_is_killed(tmp_path: Path) -> None:
    address = f"127.102.{os.getpid() % 256}.1"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(tmp_path), address, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    ended = os.pidfd_open(pid)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    readable = asyncio.Event()
    asyncio.get_running_loop().add_reader(ended, readable.set)
    await asyncio.wait_for(readable.wait(), 5)
    asyncio.get_running_loop().remove_reader(ended)
    os.close(ended)
