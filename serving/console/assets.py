"""The console's own style and scripts, and the vendored libraries where they were installed.

All files are read once, at start-up: a request can only name what was there, so no path can leave
the folder. Addresses carry the content's digest and may be cached for ever.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).with_name("static")
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    body: bytes
    media_type: str
    digest: str


class Assets:
    """Every servable file below a folder, by its relative path.

    >>> assets = Assets()
    >>> assets.url("console.css").startswith("/console/static/console.css?v=")
    True
    >>> assets.url("vendor/absent.js")
    ''
    """

    def __init__(self, folder: Path = STATIC) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in TYPES
        }

    def find(self, name: str) -> Asset | None:
        """Give the file of that name, or None."""
        return self._files.get(name)

    def url(self, name: str) -> str:
        """Give the address of a file, or nothing where it is not installed."""
        asset = self._files.get(name)
        return "" if asset is None else f"/console/static/{name}?v={asset.digest}"


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:12])
