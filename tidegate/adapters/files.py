"""Small files that several processes may write at once."""

import os
from pathlib import Path
from tempfile import mkstemp


def write_atomically(file: Path, text: str, mode: int = 0o600) -> None:
    """Make `file` hold `text`; readers see the old content or the new, never a part."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(temporary).chmod(mode)
    Path(temporary).replace(file)
