"""What each column of a table looks like: counts only, never one of its values."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Final

from features.contracts.errors import InputError
from features.sources.read_csv import read_csv
from features.sources.read_parquet import read_parquet
from features.sources.rows import RawRow
from features.sources.values import CellError, NumberStyle, parse_fixed, parse_instant

MOST_ROWS: Final = 200_000
"""Rows that are looked at; further ones change no guess."""
FITS: Final = 0.9
"""Share of the filled cells that must be dates, or numbers, for a column to be taken as such."""
FORMATS: Final = (
    "iso",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%Y年%m月%d日",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
)
"""How dates are written, as far as it is tried."""
_STYLE: Final = NumberStyle(thousands=",")
_DECIMALS: Final = 6


@dataclass(frozen=True)
class Profile:
    """One column: its header, its filled cells and how often each occurs."""

    header: str
    n_rows: int
    counts: Counter[str]

    @cached_property
    def n_filled(self) -> int:
        """Cells that are not blank."""
        return self.counts.total()

    @property
    def n_distinct(self) -> int:
        """Different values."""
        return len(self.counts)

    @property
    def rows_each(self) -> float:
        """Rows a value, on average."""
        return self.n_filled / max(1, self.n_distinct)

    @property
    def is_unique(self) -> bool:
        """Whether every row has a value of its own."""
        return 0 < self.n_rows == self.n_distinct == self.n_filled

    @cached_property
    def formats(self) -> tuple[str, ...]:
        """Ways of writing dates that fit, of `FORMATS`, the best first."""
        fits = {form: self._share(partial(_is_date, form=form)) for form in FORMATS}
        best = max(fits.values())
        return tuple(form for form in FORMATS if fits[form] == best) if best >= FITS else ()

    @cached_property
    def has_clock(self) -> bool:
        """Whether the time of day is told."""
        return bool(self.formats) and self._share(lambda text: ":" in text) >= FITS

    @cached_property
    def decimals(self) -> int | None:
        """Decimal places of its numbers; None where it holds other things."""
        if self.formats and self.formats != ("iso",):
            return None
        places = {text: _decimals(text) for text in self.counts}
        if self._share(lambda text: places[text] is not None) < FITS:
            return None
        return max(found for found in places.values() if found is not None)

    @property
    def has_thousands(self) -> bool:
        """Whether its numbers are written with commas between thousands."""
        return any("," in text for text in self.counts)

    def _share(self, holds: Callable[[str], bool]) -> float:
        if not self.n_filled:
            return 0.0
        return sum(n for text, n in self.counts.items() if holds(text)) / self.n_filled


def profiles(path: Path, encodings: Sequence[str], delimiter: str) -> list[Profile]:
    """A profile of each column of a CSV or Parquet file, in the file's order.

    Raises
    ------
    InputError
        The file cannot be read, or has no rows.
    """
    headers: list[str] = []
    rows = [
        row.cells
        for row in islice(_rows(path, encodings, delimiter, headers), MOST_ROWS)
        if not row.fault
    ]
    if not rows:
        raise InputError(f"{path.name} has no rows to guess from; name a table with some")
    return [
        Profile(header, len(rows), Counter(text for row in rows if (text := row[header].strip())))
        for header in headers
        if header
    ]


def _rows(
    path: Path, encodings: Sequence[str], delimiter: str, headers: list[str]
) -> Iterator[RawRow]:
    if path.suffix == ".parquet":
        return read_parquet(path, heed=headers.extend)
    return read_csv(path, encodings=encodings, delimiter=delimiter, heed=headers.extend)


def _is_date(text: str, form: str) -> bool:
    if form == "iso" and "-" not in text:
        return False
    with suppress(CellError):
        parse_instant(text, (form,), "UTC")
        return True
    return False


def _decimals(text: str) -> int | None:
    try:
        parse_fixed(text, _DECIMALS, _STYLE)
    except CellError:
        return None
    return min(_DECIMALS, len(text.partition(".")[2].rstrip("0")))
