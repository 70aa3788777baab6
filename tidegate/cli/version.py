"""`tidegate version`: which Tidegate this is."""

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

from tidegate.cli.exits import exits
from tidegate.cli.options import Json
from tidegate.cli.output import Output

UNKNOWN = "unknown (not installed)"


@exits
def version(json: Json = False) -> int:
    """Print the version of Tidegate and of the Temporal SDK."""
    versions = {name: _installed(name) for name in ("tidegate", "temporalio")}
    versions["python"] = platform.python_version()
    output = Output(as_json=json)
    if json:
        output.document({"event": "version", **versions})
    else:
        output.say(", ".join(f"{name} {number}" for name, number in versions.items()))
    return 0


def _installed(name: str) -> str:
    try:
        return installed(name)
    except PackageNotFoundError:
        return UNKNOWN
