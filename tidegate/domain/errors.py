"""What can go wrong, as one small tree.

TidegateError
├── Permanent              trying again changes nothing; never retried
│   ├── InvalidInput       the user's input is at fault: file, field, mend; exit code 2
│   │   └── RevisionNotFound
│   ├── AccessDenied       a neighbour knows us and says no
│   ├── StaleCommand       a later command was obeyed already; this one is void
│   └── ReleaseFailed      the release cannot go on: it rolls back
│       └── NotReady       a workload did not become ready in time
└── Transient              trying again may help; retried with back-off
    ├── Unreachable        a neighbour does not answer
    └── Conflict           somebody else wrote at the same moment
"""

import re

__all__ = [
    "AccessDenied",
    "Conflict",
    "InvalidInput",
    "NotReady",
    "Permanent",
    "ReleaseFailed",
    "RevisionNotFound",
    "StaleCommand",
    "TidegateError",
    "Transient",
    "Unreachable",
]


_INDEX = re.compile(r"\.(\d+)(?=\.|\[|$)")
"""The place of an item in a list, which is written as in metrics[0]."""


class TidegateError(Exception):
    """Base of all errors that Tidegate raises on purpose."""


class Permanent(TidegateError):
    """Trying again changes nothing."""


class Transient(TidegateError):
    """Trying again may help."""


class InvalidInput(Permanent):
    """The input is at fault. Its text is one line: where, which field, what is wrong, how to mend it.

    `subject` is the object in the file, as in "Canary test/podinfo": a rendered file holds many.
    """

    def __init__(
        self, problem: str, *, file: str = "", subject: str = "", field: str = "", mend: str = ""
    ) -> None:
        self.problem = problem
        self.file = file
        self.subject = subject
        self.field = _INDEX.sub(r"[\1]", field)
        self.mend = mend
        super().__init__(self._line())

    def _line(self) -> str:
        where = ": ".join(part for part in (self.file, self.subject, self.field) if part)
        line = f"{where}: {self.problem}" if where else self.problem
        line = f"{line}; {self.mend}" if self.mend else line
        return " ".join(line.split())

    def within(self, file: str, subject: str = "") -> "InvalidInput":
        """The same error, naming `file` and `subject` unless it names a place already."""
        if self.file or self.subject:
            return self
        return type(self)(self.problem, file=file, subject=subject, field=self.field, mend=self.mend)


class RevisionNotFound(InvalidInput):
    """No branch, tag or commit of the repository has that name."""


class AccessDenied(Permanent):
    """A neighbour refused our identity or our permission."""

    def __init__(self, neighbour: str, reason: str) -> None:
        self.neighbour = neighbour
        super().__init__(f"{neighbour} denied access: {reason}")


class StaleCommand(Permanent):
    """The object already obeyed a later command; `obeyed` is that command's token, where it is known."""

    def __init__(self, problem: str, *, obeyed: str = "") -> None:
        self.obeyed = obeyed
        super().__init__(problem)


class ReleaseFailed(Permanent):
    """The release cannot go on."""


class NotReady(ReleaseFailed):
    """A workload did not become ready within its deadline."""


class Unreachable(Transient):
    """A neighbour does not answer, or answers that it cannot now; `retry_after`: seconds that it asks for."""

    def __init__(self, neighbour: str, reason: str, retry_after: float | None = None) -> None:
        self.neighbour = neighbour
        self.retry_after = retry_after
        super().__init__(f"{neighbour} is out of reach: {reason}")


class Conflict(Transient):
    """Another writer changed the object between our read and our write."""
