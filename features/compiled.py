"""Where compiled kernels are kept: apart for every state of the sources that they come from.

A kernel is kept with the code of those it calls, but the compiler looks at the age of its own file
alone: after an update of another file it would go on with what that file said before.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

_COMPILES: Final = b"numba"
"""What every file with kernels imports."""


def digest(*packages: Path) -> str:
    """Of all files with kernels below the packages, by name and content; 12 characters."""
    found = hashlib.sha256()
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            text = path.read_bytes()
            if _COMPILES in text:
                found.update(
                    b"%s\0%d\0" % (path.relative_to(package).as_posix().encode(), len(text))
                )
                found.update(text)
    return found.hexdigest()[:12]


def place(stated: str | None, state: str) -> Path | None:
    """The folder for kernels of sources in that state, below the one that is stated.

    Without one it is the user's cache; None where that cannot be written.
    """
    if stated is not None:
        folder = Path(stated)
        return folder if folder.name == state else folder / state
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lianjing"
    try:
        (base / state).mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return base / state
