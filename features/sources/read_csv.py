"""Rows of a CSV file, read as a stream."""

import codecs
import csv
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from features.contracts.errors import UnreadableSourceError
from features.sources.rows import Heed, RawRow, normal_header, open_bytes

if TYPE_CHECKING:
    from _csv import Reader

_CHUNK = 1 << 20


def read_csv(
    path: Path,
    *,
    encodings: Sequence[str] = ("utf-8",),
    delimiter: str = ",",
    heed: Heed | None = None,
) -> Iterator[RawRow]:
    """Yield the rows below the header, keyed by the header as written.

    The first encoding that fits the whole file is taken; a byte order mark is dropped. Blank lines
    are passed over; a row with another number of cells than the header comes with a fault.
    `heed` is told the header, and may refuse it.
    """
    encoding = _fitting_encoding(path, encodings)
    with open_bytes(path) as raw, io.TextIOWrapper(raw, encoding=encoding, newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        try:
            cells = [cell.strip() for cell in next(reader, [])]
            header = _check_header(path, cells)
            if heed is not None:
                heed(cells)
            yield from _rows(reader, header, reader.line_num)
        except csv.Error as error:
            raise UnreadableSourceError(f"{path.name}, line {reader.line_num}: {error}") from error


def _rows(reader: "Reader", header: list[str], last_line: int) -> Iterator[RawRow]:
    position, width = 0, len(header)
    for cells in reader:
        line, last_line = last_line + 1, reader.line_num
        if not cells:
            continue
        position += 1
        if len(cells) == width:
            yield RawRow(line, position, dict(zip(header, cells, strict=True)))
        else:
            yield RawRow(line, position, {}, f"has {len(cells)} cells where the header has {width}")


def _check_header(path: Path, cells: list[str]) -> list[str]:
    header = [cell or f"(column {n})" for n, cell in enumerate(cells, 1)]
    if not header:
        raise UnreadableSourceError(f"{path.name}: no header in the first line; add one")
    seen: set[str] = set()
    for name in header:
        if normal_header(name) in seen:
            raise UnreadableSourceError(
                f"{path.name}: two columns read as {name!r}; rename one of them"
            )
        seen.add(normal_header(name))
    return header


def _fitting_encoding(path: Path, encodings: Sequence[str]) -> str:
    for name in encodings:
        encoding = "utf-8-sig" if codecs.lookup(name).name == "utf-8" else name
        if _fits(path, encoding):
            return encoding
    raise UnreadableSourceError(
        f"{path.name}: the bytes fit none of the declared encodings ({', '.join(encodings)}); "
        "add the right one to `encodings` in the mapping"
    )


def _fits(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with open_bytes(path) as raw:
            while chunk := raw.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableSourceError(f"{path.name}: {error}") from error
    return True
