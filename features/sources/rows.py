"""What every reader yields: raw rows as text, with the place they came from."""

import gzip
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple, cast

from features.contracts.errors import UnreadableSourceError

Heed = Callable[[Sequence[str]], None]
"""Told the cells of a header, blanks trimmed, before the first row is read."""
_GZIP_MAGIC = b"\x1f\x8b"


class RawRow(NamedTuple):
    """One row as text.

    `line` is where it starts in the file (row number in Parquet), `position` counts rows from 1
    within the file, or events within their case. `fault` says why it cannot be read as a row.
    """

    line: int
    position: int
    cells: Mapping[str, str]
    fault: str = ""


@lru_cache(maxsize=65_536)
def normal_header(header: str) -> str:
    """A header as it is compared: without case, spaces, underscores and surrounding blanks.

    >>> normal_header(" Supplier_ID "), normal_header("supplier id")
    ('supplierid', 'supplierid')
    """
    text = unicodedata.normalize("NFKC", header).casefold().replace("\ufeff", "")
    return "".join(text.replace("_", " ").split())


def open_bytes(path: Path) -> IO[bytes]:
    """Open a plain or gzip file for reading bytes, told apart by its first two bytes."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP_MAGIC
        return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")
    except OSError as error:
        raise UnreadableSourceError(f"{path.name}: {error.strerror or 'cannot be read'}") from error
