"""Keys compared with keys on a cluster: snapshots whose keys lie in many buckets.

Which versions of snapshots are asked for is collected first. A bucket then tells how many of its
keys have which number, on the log grid, in each version, and what number the keys of its events
have. The counts of all buckets make a version's population, which is small and goes to every part.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from features.calendar import Calendar
from features.cluster.engine import Parcel, merged, split
from features.cluster.rows import OWN, ROW, SCORED, asked_of, history_by
from features.contracts.vectors import Integers
from features.expression import KeyZ
from features.history import History
from features.kernels import MISSING, STATE_WIDTH, grid, grids_of
from features.snapshots import Versions, parts
from features.spec import Scenario

COUNTS: Final = "counts"
NUMBERS: Final = "numbers "
"""What the numbers of a feature's keys are called, before the feature's name."""
_NO_BOUND: Final = 2**60
_BOUNDS: Final = ("@midnight", "@observed", "@by_seq", "@by_row")
"""A version: its midnight, and the place in the order of learning that it stays under."""


def versions_of(frame: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """The version that each row sees: what was learned before midnight and before the row."""
    midnight = pl.Series("@midnight", calendar.midnights(frame["t"].to_numpy()))
    observed = frame["observed" if "observed" in frame.columns else "t"]
    seq = frame["seq"] if "seq" in frame.columns else frame[ROW] + 1
    is_early = observed < midnight
    given = pl.DataFrame([midnight, observed.alias("@observed"), seq.alias("@by_seq")])
    return given.with_columns(
        pl.when(is_early).then("@observed").otherwise("@midnight").alias("@observed"),
        pl.when(is_early).then("@by_seq").otherwise(MISSING).alias("@by_seq"),
        pl.when(is_early).then(frame[ROW]).otherwise(MISSING).alias("@by_row"),
    )


@dataclass(frozen=True)
class AskFor:
    """Step: the versions that scored rows see."""

    calendar: Calendar

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """Each version once a partition."""
        for bucket, flows in merged(parcels).items():
            if OWN in flows:
                rows = flows[OWN].filter(SCORED)
                yield Parcel(bucket, OWN, versions_of(rows, self.calendar).unique())


@dataclass(frozen=True)
class KeyNumbers:
    """Step: what numbers the keys of a bucket have in every version, counted and event by event."""

    scenario: Scenario
    calendar: Calendar
    of: KeyZ
    versions: pl.DataFrame
    cuts: Integers
    n: int

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """Counts to the bucket of their version, events to the part of their instant."""
        for flows in merged(parcels).values():
            history = history_by(self.scenario, self.calendar, self.of.members, flows)
            events = self._events(history)
            for counts, numbers in self._told(history, events):
                yield from split(counts, "@bucket", COUNTS)
                yield from split(numbers, "@bucket", NUMBERS + self.of.name)

    def _events(self, history: History) -> pl.DataFrame:
        """Rows asked about: which version each sees, and which group and part it belongs to."""
        queries = asked_of(history.columns).queries
        frame = history.columns.frame[queries]
        group = history.groups(self.of.key, self.of.source)[0][queries].astype(np.int64)
        bucket = np.searchsorted(self.cuts, frame["t"].to_numpy(), side="right")
        seen = versions_of(frame, self.calendar).with_columns(
            frame[ROW], pl.Series("@group", group), pl.Series("@bucket", bucket, pl.Int32)
        )
        return seen.join(self.versions, on=_BOUNDS).sort("@version").drop(_BOUNDS)

    def _told(
        self, history: History, events: pl.DataFrame
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        ours, group = history.groups(self.of.key, self.of.source)
        versions = _ranked(history, self.of, self.versions)
        n_groups = int(max(ours.max(initial=-1), group.max(initial=-1))) + 1
        seen = events["@version"].to_numpy()
        for first, numbers in parts(history, self.of, versions, group, n_groups):
            lo, hi = np.searchsorted(seen, [first, first + len(numbers)])
            asking = events[int(lo) : int(hi)]
            own = numbers[asking["@version"].to_numpy() - first, asking["@group"].to_numpy()]
            version = pl.Series("@version", np.repeat(np.arange(len(numbers)) + first, n_groups))
            yield (
                self._counted(version, numbers.ravel()),
                asking.select("@bucket", ROW, "@version", pl.Series("@number", own)),
            )

    def _counted(self, version: pl.Series, numbers: Integers) -> pl.DataFrame:
        steps = pl.DataFrame([version, pl.Series("@step", grid(numbers))])
        counts = steps.filter(pl.col("@step") != MISSING).group_by("@version", "@step").len("@n")
        return counts.with_columns((pl.col("@version") % self.n).cast(pl.Int32).alias("@bucket"))


def _ranked(history: History, of: KeyZ, versions: pl.DataFrame) -> Versions:
    """The versions in the order of learning that the rows of this bucket have."""
    ours = history.columns
    held = [ours] if of.source is None else [history.others[of.source], ours]
    marks = [versions[name].to_numpy() for name in _BOUNDS[1:]]
    side = [np.full(len(c), c is ours, np.int64) for c in held]
    by_row = [2 * c.frame[ROW].to_numpy() * (c is ours) for c in held]
    columns = (
        [*by_row, 2 * np.maximum(marks[2], 0) - 1],
        [*side, (marks[2] != MISSING).astype(np.int64)],
        [*(c.seq for c in held), marks[1]],
        [*(c.observed for c in held), marks[0]],
    )
    order = np.lexsort([np.concatenate(column) for column in columns])
    is_row = order < sum(len(c) for c in held)
    below = np.cumsum(is_row)[~is_row]
    rank = np.empty(len(versions), np.int64)
    rank[order[~is_row] - int(is_row.sum())] = below
    n = len(versions)
    return Versions(
        versions["@midnight"].to_numpy(), rank, np.full(n, _NO_BOUND), np.arange(n, dtype=np.int64)
    )


@dataclass(frozen=True)
class Populate:
    """Step: the grid state of each version's population, from the counts of all buckets."""

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """One row a version."""
        for bucket, flows in merged(parcels).items():
            states = [
                pl.DataFrame({"@version": [version], "@state": [_state(part).tolist()]})
                for (version,), part in flows[COUNTS].group_by("@version")
            ]
            yield Parcel(bucket, COUNTS, pl.concat(states))


def _state(counts: pl.DataFrame) -> Integers:
    """The state of so many keys at so many steps."""
    steps = np.repeat(counts["@step"].to_numpy(), counts["@n"].to_numpy())
    state = np.zeros(STATE_WIDTH, np.int64)
    grids_of(steps, np.arange(len(steps)), len(steps), MISSING, state)
    return state


def populations(parcels: Iterable[Parcel], n: int) -> Integers:
    """States (versions, 7) of all versions, zeros where no key has a number."""
    states = np.zeros((n, STATE_WIDTH), np.int64)
    for parcel in parcels:
        states[parcel.frame["@version"].to_numpy()] = np.array(parcel.frame["@state"].to_list())
    return states
