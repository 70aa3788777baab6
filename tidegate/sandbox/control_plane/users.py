"""Who may call a real API server: an administrator, and whoever a test wants to be there."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class User:
    """Somebody with a token; what they may do is up to the groups, and to the roles bound to them."""

    name: str
    groups: tuple[str, ...] = ()
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


def administrator() -> User:
    """Somebody who may do everything."""
    return User("admin", ("system:masters",))


def write_tokens(path: Path, users: Iterable[User]) -> Path:
    """Write the server's static token file, readable by its owner only."""
    path.touch(mode=0o600)
    path.write_text(
        "".join(f'{user.token},{user.name},{user.name},"{",".join(user.groups)}"\n' for user in users)
    )
    return path
