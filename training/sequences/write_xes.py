"""Rows of an event log as an XES file (IEEE 1849) that `features.sources.read_xes` reads again."""

import gzip
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from features.frames import replace_file
from features.sources.rows import RawRow
from training.sequences.inject import AT, CASE

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1.0">\n'


def write_xes(rows: Sequence[RawRow], path: Path) -> None:
    """Write the rows, those of a case side by side, all or nothing; packed if named `.gz`."""
    content = (_HEAD + "".join(_traces(rows)) + "</log>\n").encode()
    packed = gzip.compress(content, mtime=0) if path.suffix == ".gz" else content
    replace_file(path, lambda part: part.write_bytes(packed))


def _traces(rows: Sequence[RawRow]) -> Iterator[str]:
    for _, case in groupby(rows, key=lambda row: row.cells[CASE]):
        events = list(case)
        yield "<trace>\n" + _attributes(events[0], "trace:")
        for event in events:
            yield "<event>\n" + _attributes(event, "event:") + "</event>\n"
        yield "</trace>\n"


def _attributes(row: RawRow, prefix: str) -> str:
    return "".join(
        f"<{'date' if name == AT else 'string'} key={quoteattr(name.removeprefix(prefix))} "
        f"value={quoteattr(text)}/>\n"
        for name, text in row.cells.items()
        if name.startswith(prefix)
    )
