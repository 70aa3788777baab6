"""A VirtualService that was there before its first release: kept as it was, and then replaced as a whole.

What a Service selected is kept as well, to be given back.

Server-side apply leaves the fields of other managers alone: hosts, gateways and other protocols' rules of a
VirtualService that somebody else had written would stay beside ours.
"""

import json

from tidegate.contracts import FENCE_ANNOTATION
from tidegate.domain.manifest import Manifest, dig
from tidegate.domain.marks import GIVEN_BACK, ORIGINAL, RELEASE, annotations
from tidegate.manifests.naming import BASELINE_SUFFIX, CANARY_SUFFIX, PRIMARY_SUFFIX
from tidegate.manifests.rules import destinations, host_of, rules, short

LARGEST = 100_000
"""Characters of a spec that is kept; Kubernetes takes 256 KiB for all annotations of an object together."""

_KEPT = ("exportTo",)
"""Fields of a spec that no release writes, and that stay as they are."""


def original(live: Manifest | None) -> dict[str, str]:
    """The annotation that keeps what a VirtualService had been: once taken, for as long as it is there."""
    if live is None:
        return {}
    kept = annotations(live).get(ORIGINAL)
    if kept is None and RELEASE not in annotations(live):
        text = json.dumps(live.get("spec") or {}, separators=(",", ":"), sort_keys=True)
        kept = text if len(text) <= LARGEST else None
    return {} if kept is None else {ORIGINAL: kept}


def with_original(live: Manifest, taken: Manifest) -> Manifest:
    """The Service that was taken over, with what it had been: once kept, for as long as it is there.

    A fence alone says nothing: a sync and an uninstallation leave one too.
    """
    if ORIGINAL in annotations(live) or _is_made(live, taken):
        return taken
    kept = {key: live["spec"][key] for key in ("selector", "ports") if key in live["spec"]}
    marks = annotations(taken) | {ORIGINAL: json.dumps(kept, separators=(",", ":"), sort_keys=True)}
    marks.pop(GIVEN_BACK, None)
    return taken | {"metadata": taken["metadata"] | {"annotations": marks}}


def _is_made(live: Manifest, taken: Manifest) -> bool:
    """Whether a Service is a release's work, or another controller's: neither is worth going back to."""
    known, selects = annotations(live), dig(live, "spec", "selector") or {}
    wanted = taken["spec"]["selector"].values()
    if not any(value in selects.values() for value in wanted):
        return False
    released = FENCE_ANNOTATION in known and GIVEN_BACK not in known
    to_primary = any(str(value).endswith(PRIMARY_SUFFIX) for value in wanted)
    return released or to_primary or bool(dig(live, "metadata", "ownerReferences"))


def leftovers(written: Manifest, wanted: Manifest) -> tuple[str, ...]:
    """The fields of a written spec that were not asked for."""
    found, asked = written.get("spec") or {}, wanted["spec"]
    return tuple(name for name in found if name not in asked and name not in _KEPT)


def stripped(live: Manifest, wanted: Manifest) -> Manifest:
    """The live VirtualService without them."""
    left = leftovers(live, wanted)
    spec = {name: value for name, value in live["spec"].items() if name not in left}
    return live | {"spec": spec}


_FOR_ALL = ("route", "name")
"""Parts of a rule that every rule has, or that nobody is served by."""

_SHORT = ("timeout", "hosts", "gateways")
"""Parts that are told with their values."""


def lost(live: Manifest | None, wanted: Manifest) -> str:
    """What a VirtualService had before its first release and `wanted` has not: "2 routes (timeout 7s)".

    Empty where nothing is lost. Where its rules led is told by `gone`.
    """
    if live is None or RELEASE in annotations(live):
        return ""
    found = list(rules(live, "http", "tcp", "tls"))
    parts = [part for rule in found for part in _lost_parts(rule, list(rules(wanted, "http", "tcp")))]
    scope = [part for part in _SHORT[1:] if _missing(live, wanted, part)]
    told = [f"{len(found)} route{'' if len(found) == 1 else 's'} ({_each_once(parts)})"] if parts else []
    told += [f"the {part} {', '.join(_missing(live, wanted, part))}" for part in scope]
    return " and ".join(told)


def _lost_parts(rule: Manifest, wanted: list[Manifest]) -> list[str]:
    """The parts of a rule that none of the wanted ones has, and the subsets that it led to."""
    named = [name for name in rule if name not in _FOR_ALL and all(rule[name] != w.get(name) for w in wanted)]
    told = [f"{name} {rule[name]}" if name in _SHORT else name for name in named]
    subsets = [dig(part, "destination", "subset") for part in destinations(rule)]
    return told + [f"subset {name}" for name in subsets if name]


def _missing(live: Manifest, wanted: Manifest, part: str) -> list[str]:
    """Hosts or gateways that the routes no longer serve; a delegate's are somebody else's to say."""
    kept = dig(wanted, "spec", part) or ()
    return [str(each) for each in dig(live, "spec", part) or () if each not in kept]


def _each_once(parts: list[str]) -> str:
    return ", ".join(dict.fromkeys(parts))


def gone(live: Manifest | None, service: str) -> tuple[str, ...]:
    """Where the rules led that a takeover ends: to others than the service and its sides."""
    if live is None or RELEASE in annotations(live):
        return ()
    own = {f"{service}{suffix}" for suffix in ("", PRIMARY_SUFFIX, CANARY_SUFFIX, BASELINE_SUFFIX)}
    every = (host_of(part) for rule in rules(live, "http", "tcp", "tls") for part in destinations(rule))
    return tuple(dict.fromkeys(host for host in every if short(host) not in own))
