"""Copies the browser libraries that npm installed to where the console serves them from.

Run `npm ci` in `serving/console`, then `python -m serving.console.vendor`. The pages work without
the libraries; they add live filters (htmx) and a chart (ECharts).
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Final

from features.contracts.errors import LianjingError, UnreadableSourceError

CONSOLE: Final = Path(__file__).parent
FILES: Final = {
    "htmx.org": "dist/htmx.min.js",
    "echarts": "dist/echarts.simple.min.js",
}
"""The one file that the console needs of each package."""
HINT: Final = "run `npm ci` in serving/console first"


def vendor(console: Path = CONSOLE) -> tuple[Path, ...]:
    """Copy each package's file to `static/vendor` and answer where they are now.

    Raises
    ------
    UnreadableSourceError
        Where a package is not installed, or not in the version that the lock file names.
    """
    locked = json.loads((console / "package-lock.json").read_text("utf-8"))["packages"]
    sources = [
        _installed(console / "node_modules" / name, file, locked[f"node_modules/{name}"]["version"])
        for name, file in FILES.items()
    ]
    target = console / "static" / "vendor"
    target.mkdir(parents=True, exist_ok=True)
    return tuple(Path(shutil.copyfile(source, target / source.name)) for source in sources)


def _installed(package: Path, file: str, version: str) -> Path:
    manifest, source = package / "package.json", package / file
    if not (manifest.is_file() and source.is_file()):
        raise UnreadableSourceError(f"{package.name} {version} is not installed; {HINT}")
    found = json.loads(manifest.read_text("utf-8"))["version"]
    if found != version:
        raise UnreadableSourceError(f"{package.name} is {found}, the lock says {version}; {HINT}")
    return source


def main() -> int:
    """Copy, and say in one line what was copied or what is missing."""
    try:
        copied = vendor()
    except LianjingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"copied {', '.join(path.name for path in copied)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
