"""Small contracts before they are written: ordinary ones, and those that cases add."""

from dataclasses import dataclass, field

import numpy as np

from training.simulation.case import Case
from training.simulation.columns import Columns, height, stack, take
from training.simulation.config import SmallWorks
from training.simulation.days import DAY_S, Integers
from training.simulation.district import NOBODY, District
from training.simulation.small_works import MOST_QUOTES, Market, settled


@dataclass
class SmallWorkDraft:
    """Ordinary contracts in the order of their awards, and what cases add to them.

    A case has a buyer's year to itself, so that what is found of a year is found of one case.
    """

    rows: Columns
    district: District
    market: Market
    rules: SmallWorks
    _added: list[Columns] = field(default_factory=list)
    _taken: set[tuple[int, int]] = field(default_factory=set)

    def site(self, case: Case, rng: np.random.Generator, days: int) -> tuple[int, int]:
        """An ordinary row to copy, and the last instant of a case that spans so many days.

        The span lies in the horizon and, unless its end must show in the holdout, in one year; the
        row's buyer has that year free.
        """
        last = self._last(case, days)
        year = _year_start(last)
        first, end = np.searchsorted(self.rows["awarded"], [last - 60 * DAY_S, last])
        found = [k for k in range(int(first), int(end)) if self._is_free(k, year)]
        found = found or [k for k in range(height(self.rows)) if self._is_free(k, year)]
        row = int(rng.choice(found))
        self._taken.add((int(self.rows["buyer"][row]), year))
        return row, last

    def _last(self, case: Case, days: int) -> int:
        clock, span = self.district.clock, (days + 1) * DAY_S
        least, most = clock.start + span, clock.end - 2 * DAY_S
        if case.recent:
            return min(max(case.anchor, least), most)
        last = min(max(case.anchor, _year_start(case.anchor) + span, least), most)
        return last if last - span >= _year_start(last) else _year_start(last) - DAY_S

    def _is_free(self, row: int, year: int) -> bool:
        buyer = int(self.rows["buyer"][row])
        return int(self.rows["case"][row]) == NOBODY and (buyer, year) not in self._taken

    def copies(self, row: int, awarded: Integers) -> Columns:
        """Copies of an ordinary row, awarded when given."""
        rows = take(self.rows, np.full(len(awarded), row))
        rows["awarded"] = awarded
        return rows

    def spread(
        self, rng: np.random.Generator, last: int, size: tuple[int, float], *, least_days: float = 0
    ) -> Integers:
        """Office-hour instants (how many, over how many days) up to the last, in their order."""
        n, days = size
        back = np.concatenate([[least_days, days], rng.uniform(least_days, days, max(0, n - 2))])[
            :n
        ]
        at = last - (back * DAY_S).astype(np.int64)
        snapped = self.district.clock.workdays.snap(rng, np.sort(at))
        return np.sort(np.minimum(snapped, self.district.clock.end - DAY_S // 3))

    def bid(self, rows: Columns, bidders: Integers, quotes: Integers) -> None:
        """Let these suppliers (n, up to 8) quote so many fen, the winner first."""
        n, k = bidders.shape
        blank = np.full((n, MOST_QUOTES - k), NOBODY, dtype=np.int64)
        order = np.argsort(quotes, axis=1, kind="stable")
        rows["bidders"] = np.hstack([np.take_along_axis(bidders, order, axis=1), blank])
        rows["quotes"] = np.hstack([np.take_along_axis(quotes, order, axis=1), blank * 0])

    def settle(self, rng: np.random.Generator, rows: Columns) -> None:
        """Amend and settle the rows as ordinary ones are, from what they were awarded for."""
        rows |= settled(rng, rows, self.rules)

    def add(self, case: Case, rows: Columns) -> None:
        """Add a case's rows."""
        self._added.append({**rows, "case": np.full(height(rows), case.number, dtype=np.int64)})

    def finished(self) -> Columns:
        """All contracts in the order of their awards."""
        rows = stack([self.rows, *self._added])
        return take(rows, np.argsort(rows["awarded"], kind="stable"))


def _year_start(at: int) -> int:
    """The first second of a local instant's year."""
    year = np.datetime64(at // DAY_S, "D").astype("datetime64[Y]")
    return int(year.astype("datetime64[D]").astype(np.int64)) * DAY_S
