"""Where compiled kernels are kept: apart for every state of the sources that they come from.

A kernel is kept with the code of those it calls, but the compiler looks at the age of its own file
alone: after an update of another file it would go on with what that file said before.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Final

_COMPILES: Final = b"numba"
"""What every file with kernels imports."""
_IMPORT: Final = re.compile(rb"^\s*from ([\w.]+) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)


def digest(*packages: Path) -> str:
    """Of all files with kernels below the packages and of what these import; 12 characters.

    Constants are compiled in, so the files that hold them count too, through however many others
    they come. The packages stand side by side and import by `from`.
    """
    found = hashlib.sha256()
    for path, text in sorted(sources(*packages).items()):
        name = path.relative_to(packages[0].parent).as_posix().encode()
        found.update(b"%s\0%d\0%s" % (name, len(text), text))
    return found.hexdigest()[:12]


def sources(*packages: Path) -> dict[Path, bytes]:
    """The files of which `digest` is, with their content."""
    text = {path: path.read_bytes() for package in packages for path in package.rglob("*.py")}
    due = [path for path in text if _COMPILES in text[path]]
    used = set(due)
    while due:
        new = (_imported(text[due.pop()], packages[0].parent) & text.keys()) - used
        used |= new
        due += new
    return {path: text[path] for path in used}


def _imported(text: bytes, root: Path) -> set[Path]:
    """The files that a file may import from: of a module, a package, or a module in a package."""
    found = set()
    for module, several, one in _IMPORT.findall(text):
        place = root.joinpath(*module.decode().split("."))
        names = re.findall(rb"\w+", several or one)
        found |= {place / f"{name.decode()}.py" for name in names}
        found |= {place.with_suffix(".py"), place / "__init__.py"}
    return found


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
