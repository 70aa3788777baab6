"""`python -m tidegate.sandbox up`: the world, with a worker in it, until Ctrl-C."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from tidegate.sandbox.processes import ProcessError
from tidegate.sandbox.world import World


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 after an orderly end, 5 when the world does not come up."""
    options = _options(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_up(options.dir, worker=not options.no_worker))
    except (ProcessError, OSError, ExceptionGroup) as error:
        for reason in _reasons(error):
            sys.stderr.write(f"sandbox: {reason}\n")
        return 5
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tidegate.sandbox", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="up")
    up = commands.add_parser("up", help="start the sandbox and keep it up until Ctrl-C")
    up.add_argument("--dir", type=Path, default=Path(".sandbox"), help="where its state goes (%(default)s)")
    up.add_argument("--no-worker", action="store_true", help="do not start worker.py")
    return parser.parse_args(arguments)


async def _up(directory: Path, worker: bool) -> None:
    """Keep the world up until a signal; one that comes while it starts ends it as well."""
    living = asyncio.create_task(_live(directory, worker))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, living.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await living


async def _live(directory: Path, worker: bool) -> None:
    async with World(directory) as world:
        if worker:
            await world.start_worker()
        sys.stdout.write(_welcome(world))
        sys.stdout.flush()
        await asyncio.Event().wait()


def _welcome(world: World) -> str:
    lines = (
        "The sandbox is up. In another shell:",
        "",
        f"  source {world.directory / 'environment'}",
        "  kubectl --context mesh02 get deploy,vs,canaries -A",
        f"  curl -H 'Host: app.istio.example.com' {world.gateway_url}/",
        "",
        f"  Temporal UI  {world.temporal_ui_url}",
        f"  Prometheus   {world.prometheus_url}",
        f"  Gateway      {world.gateway_url}",
        f"  Mesh proxy   {world.egress_url}",
        f"  Envoy admin  {world.envoy_admin_url}",
        f"  Logs         {world.directory / 'logs'}",
        "",
        "Ctrl-C takes all of it down.",
    )
    return "\n".join(lines) + "\n"


def _reasons(error: Exception) -> list[str]:
    """The errors within; those which nobody foresaw are raised again."""
    if isinstance(error, ExceptionGroup):
        return [reason for inner in error.exceptions for reason in _reasons(inner)]
    if not isinstance(error, (ProcessError, OSError)):
        raise error
    return [str(error)]


if __name__ == "__main__":
    sys.exit(main())
