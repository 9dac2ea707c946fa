"""Named arrays as bytes and back: the same arrays give the same bytes, and nothing is executed."""

import io
import zipfile
from typing import Final

import numpy as np

from features.contracts.errors import CorruptBundleError
from models.arrays import Array, Arrays

_STAMP: Final = (1980, 1, 1, 0, 0, 0)
_LARGEST: Final = 512 * 2**20
"""Most bytes that the arrays of a bundle may unpack to."""


def pack(arrays: Arrays) -> bytes:
    """An uncompressed npz with sorted names and fixed time stamps.

    >>> pack({"b": np.zeros(2), "a": np.ones(1)}) == pack({"a": np.ones(1), "b": np.zeros(2)})
    True
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(
                member, np.ascontiguousarray(arrays[name]), version=(1, 0), allow_pickle=False
            )
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _STAMP), member.getvalue())
    return out.getvalue()


def unpack(content: bytes) -> dict[str, Array]:
    """The arrays in `content`; CorruptBundleError where it is anything but plain numeric arrays."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _LARGEST:
            raise CorruptBundleError(f"arrays unpack to {unpacked} bytes; {_LARGEST} are allowed")
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise CorruptBundleError("not an archive of plain arrays") from error
    odd = [name for name, array in arrays.items() if array.dtype.kind not in "if"]
    if odd:
        raise CorruptBundleError(f"array {odd[0]!r} holds something else than numbers")
    return arrays
