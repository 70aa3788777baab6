"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.domain.duration import parse_duration

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="APPLICATION",
        help="Application by name, podinfo or podinfo@cluster/namespace; or give its file with -f.",
        show_default=False,
    ),
]
OptionalFile = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="File with the Argo CD Application.", show_default=False),
]
File = Annotated[
    Path, typer.Option("--file", "-f", help="File with the Argo CD Application.", show_default=False)
]
Revision = Annotated[
    str | None,
    typer.Option(
        help="Branch, tag, SHA or version range; the Application's targetRevision when not given.",
        show_default=False,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON to standard output, and all text to standard error.")
]


def duration(text: str) -> float:
    """Seconds of an option such as 30s, 10m or 1h30m."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Timeout = Annotated[
    float | None,
    typer.Option(
        parser=duration,
        metavar="DURATION",
        help="Stop waiting after this time, such as 30m; the release goes on. No limit when not given.",
        show_default=False,
    ),
]
