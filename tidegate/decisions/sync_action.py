"""What a write did to an object, apart from the traces that every write leaves."""

from typing import Any

from tidegate.contracts import FENCE_ANNOTATION
from tidegate.domain.manifest import Manifest

CREATED = "created"
CONFIGURED = "configured"
UNCHANGED = "unchanged"
READ = "read"

_TRACES = ("generation", "managedFields", "resourceVersion")


def action(before: Manifest | None, after: Manifest) -> str:
    """created, configured or unchanged: the words of kubectl apply."""
    if before is None:
        return CREATED
    return UNCHANGED if _essence(before) == _essence(after) else CONFIGURED


def _essence(manifest: Manifest) -> dict[str, Any]:
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _TRACES}
    annotations = metadata.pop("annotations", None) or {}
    metadata["annotations"] = {key: value for key, value in annotations.items() if key != FENCE_ANNOTATION}
    # The status is its controller's, and may differ by the time of the write.
    return {key: value for key, value in manifest.items() if key != "status"} | {"metadata": metadata}
