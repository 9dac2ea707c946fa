"""Bundles whose hashes fit, whatever is in them: only shapes, bounds and golden rows can tell."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models import Bundle
from models.archive import pack
from models.arrays import Array
from models.bundle import ARRAYS, MANIFEST, SUMS


def forge(bundle: Bundle, folder: Path, changes: Mapping[str, Array | None]) -> None:
    """Save with changed arrays (None takes one away) and with hashes that fit them."""
    changed = {**bundle.arrays(), **changes}
    content = pack({name: array for name, array in changed.items() if array is not None})
    put(folder, json.loads(bundle.manifest.to_bytes()), content)


def put(folder: Path, manifest: Mapping[str, Any], arrays: bytes) -> None:
    """Write a manifest and arrays, with hashes that fit them."""
    files = {ARRAYS: hashlib.sha256(arrays).hexdigest()}
    written = json.dumps({**manifest, "files": files}).encode()
    digest = hashlib.sha256(written).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ARRAYS).write_bytes(arrays)
    (folder / MANIFEST).write_bytes(written)
    (folder / SUMS).write_text(f"{files[ARRAYS]}  {ARRAYS}\n{digest}  {MANIFEST}\n")
