"""Session affinity: rules that keep a visitor by a cookie on the side that answered first.

While the canary has traffic, its answers set a cookie whose value is the release's; requests that bring it go
to the canary. At rest a rule lets every such cookie expire. A primary cookie lives for one interval, so that
its visitors are asked anew at each weight.
"""

import hashlib
import re
from collections.abc import Iterator

from tidegate.domain.analysis import SessionAffinity
from tidegate.domain.canary import Canary
from tidegate.domain.manifest import Manifest, dig
from tidegate.manifests.rules import destinations, rules

_SET_COOKIE = "Set-Cookie"


def session_of(canary: Canary, epoch: int) -> str:
    """The cookies' value in one release, of whose fences this is the epoch."""
    told = f"{canary.namespace}/{canary.name}/{epoch}"
    return hashlib.sha256(told.encode()).hexdigest()[:10]


def canary_match(affinity: SessionAffinity, session: str) -> Manifest:
    """Requests of visitors whom the canary answered first in this release."""
    return _with_cookie(affinity.cookie_name, session)


def primary_match(affinity: SessionAffinity, session: str) -> Manifest:
    """Requests of visitors whom the primary answered first at this weight."""
    return _with_cookie(affinity.primary_cookie_name, session)


def outdated_match(affinity: SessionAffinity) -> Manifest:
    """Requests that bring the canary's cookie of whichever release."""
    return _with_cookie(affinity.cookie_name, "")


def is_sticky(virtual_service: Manifest) -> bool:
    """Whether a live VirtualService has destinations that set a cookie."""
    parts = [part for rule in rules(virtual_service, "http") for part in destinations(rule)]
    return any(_SET_COOKIE in (dig(part, "headers", "response", "add") or {}) for part in parts)


def cookies(canary: Canary, session: str) -> Iterator[Manifest]:
    """What the answers of the primary's and of the canary's destination carry, in this order."""
    affinity = canary.spec.analysis.session_affinity
    assert affinity is not None  # noqa: S101
    interval = max(1, round(canary.spec.analysis.interval))
    primary = affinity.primary_cookie_name
    yield _setting(affinity, primary, session, interval) if primary else {}
    yield _setting(affinity, affinity.cookie_name, session, affinity.max_age)


def expiry(affinity: SessionAffinity) -> Manifest:
    """Response headers that let the canary's cookie expire."""
    return _setting(affinity, affinity.cookie_name, "", -1)


def _with_cookie(name: str, value: str) -> Manifest:
    """Istio matches the whole header; a cookie stands between separators."""
    wanted = re.escape(f"{name}={value}") if value else re.escape(name) + "=.*"
    return {"headers": {"cookie": {"regex": rf"(.*;\s*)?{wanted}(;.*)?"}}}


def _setting(affinity: SessionAffinity, name: str, value: str, max_age: int) -> Manifest:
    attributes = {
        "Domain": affinity.domain,
        "Path": affinity.path,
        "SameSite": affinity.same_site,
    }
    flags = {
        "HttpOnly": affinity.http_only,
        "Secure": affinity.secure,
        "Partitioned": affinity.partitioned,
    }
    parts = [f"{name}={value}", f"Max-Age={max_age}"]
    parts += [f"{attribute}={said}" for attribute, said in attributes.items() if said]
    parts += [flag for flag, wanted in flags.items() if wanted]
    return {"response": {"add": {_SET_COOKIE: "; ".join(parts)}}}
