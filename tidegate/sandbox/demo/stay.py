"""A sandbox to try things in: up until somebody ends it, with the example in a Git repository."""

import asyncio
import shlex
import sys
from pathlib import Path

from tidegate.domain.application import FURTHER_CLUSTERS
from tidegate.sandbox.demo.commands import Commands
from tidegate.sandbox.demo.example import BETTER, CHECKOUT, FIRST, Command, Example, typed
from tidegate.sandbox.demo.screen import Screen
from tidegate.sandbox.demo.story import create
from tidegate.sandbox.demo.users import HOST
from tidegate.sandbox.inventory import FURTHER
from tidegate.sandbox.world import World, own_environment


async def stay(directory: Path, worker: bool, further: bool = False) -> None:
    """Keep a world up until cancelled, and say what can be done in it."""
    async with World(directory, further=further) as world:
        example = Example(world.directory)
        await create(example, Commands({**own_environment(), **world.environment()}, Screen()), shown=False)
        if worker:
            await world.start_worker()
        sys.stdout.write("\n".join(welcome(world, example)) + "\n")
        sys.stdout.flush()
        try:
            await asyncio.Event().wait()
        finally:
            sys.stdout.write("\ntaking everything down ...\n")
            sys.stdout.flush()


def _earlier(example: Example) -> list[str]:
    if not (CHECKOUT / example.earlier).exists():
        return []
    return [
        f"{example.repository} is made anew; an earlier sandbox's, with its commits, is {example.earlier}.",
        "",
    ]


def _further(world: World, example: Example) -> list[str]:
    """Where there is a second workload cluster, how to release to both."""
    if FURTHER not in world.clusters:
        return []
    look = ["kubectl", "--context", FURTHER, "get", "deploy", "-A"]
    return [
        f"Release to {FURTHER} as well: write this below `metadata:` in {example.application}, and start:",
        "",
        f"  annotations: {{{FURTHER_CLUSTERS}: {FURTHER}}}",
        f"  {shlex.join(look)}",
        "",
    ]


def welcome(world: World, example: Example) -> list[str]:
    """What to try, in lines that can be copied to a shell in the checkout."""
    start = example.starter("start", "--wait")
    first: list[Command] = [
        ["source", typed(world.directory / "environment")],
        example.starter("plan"),
        start,
        ["kubectl", "--context", "mesh02", "get", "deploy,vs", "-A"],
        ["curl", "-H", f"Host: {HOST}", f"{world.gateway_url}/"],
    ]
    then: list[Command] = [
        *example.change(FIRST, BETTER),
        start,
        *(["python", "starter.py", name, "podinfo"] for name in ("pause", "resume", "promote", "abort")),
        ["kubectl", "--context", "asm", "get", "virtualservices", "-A"],
    ]
    return [
        *_earlier(example),
        "The sandbox is up. In another shell, in the same folder:",
        "",
        *(f"  {shlex.join(command)}" for command in first),
        "",
        "Release another version; while that goes on, pause it, resume it, promote it or abort it:",
        "",
        *(f"  {shlex.join(command)}" for command in then),
        "",
        *_further(world, example),
        f"  Temporal UI  {world.temporal_ui_url}",
        f"  Prometheus   {world.prometheus_url}",
        f"  Gateway      {world.gateway_url}",
        f"  Mesh proxy   {world.egress_url}",
        f"  Envoy admin  {world.envoy_admin_url}",
        f"  Logs         {typed(world.directory / 'logs')}",
        "",
        "Ctrl-C takes all of it down.",
    ]
