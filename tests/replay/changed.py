"""A copy of the Canary workflow with a change that nobody patched: what the checks are there to find."""

import importlib.util
from pathlib import Path

BEFORE = "            if course.is_final(stage):\n"
CHANGE = """\
            if stage.kind == "scale-up":
                await workflow.sleep(0.05, summary="A second thought")
"""


def changed_canary(folder: Path) -> type:
    """The Canary class of a copy that waits a moment before it scales up."""
    source = (Path(__file__).parents[2] / "workflows" / "canary.py").read_text()
    assert source.count(BEFORE) == 1, "the copy's change has lost its place"
    copy = folder / "changed_canary.py"
    copy.write_text(source.replace(BEFORE, CHANGE + BEFORE))
    spec = importlib.util.spec_from_file_location(copy.stem, copy)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    changed: type = module.Canary
    return changed
