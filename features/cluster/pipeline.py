"""Features of event files on Spark or Dask, by the kernels of the local run and equal to it.

Rows are read in pieces and settled event by event; measures take an exchange by each key that they
look back on; then for each key of the features the rows go to the buckets of its hash, states go
from there to the part of the table that their event belongs to, and parts are finalised and written
side by side. The driver sees schemas, row counts and the heaviest keys' instants.
"""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import polars as pl

from features.build import Built, Progress
from features.calendar import Calendar
from features.cluster.buckets import UNITS, Place, Weigh, cuts_of, edge_of, units_of
from features.cluster.doors import opened
from features.cluster.engine import Both, Engine, Flow, Only
from features.cluster.inputs import PIECE_ROWS, Input
from features.cluster.lanes import StateRows
from features.cluster.measuring import MeasureRows, Stage, stages_of
from features.cluster.parts import Head, Write, read_of
from features.cluster.reading import Once, Places, Read, Settle
from features.cluster.rows import OWN, read_by
from features.cluster.snapshots import COUNTS, NUMBERS, AskFor, KeyNumbers, Populate, populations
from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.vectors import Integers
from features.expression import KeyZ
from features.spec import Atom, Key, Measure, Scenario

HEAVY_ROWS: Final = 2_000_000
"""A key with more rows is divided in time."""
BUCKET_ROWS: Final = 1_000_000
"""Rows of a bucket, about, where no number of partitions is given."""


def build(
    paths: Sequence[Path],
    scenario: Scenario,
    out: Path,
    *,
    engine: Literal["spark", "dask"] = "spark",
    calendar: Calendar | None = None,
    sources: Mapping[str, Sequence[Path]] | None = None,
    partitions: int | None = None,
    heavy_rows: int = HEAVY_ROWS,
    progress: Progress | None = None,
) -> Built:
    """Write the features of all scored events of Parquet files into a folder of Parquet files.

    Part by part, in time order, they hold what `features.build` writes into one file, bit for bit.
    Every worker must see `paths` and `out` under the same names. The folder appears when it is
    complete, in the place of an older one. The session or client that is active is used, else one
    on this machine is made for the time being. `progress` is called with steps done, steps in all
    and what was done.

    Raises
    ------
    UnreadableSourceError
        A file is not there, or is no Parquet file.
    InputError
        A column breaks a rule, `out` holds something else, or the engine is not installed.
    """
    place = Path(out).absolute()
    _check(place)
    inputs = _inputs(paths, scenario, sources or {})
    with opened(engine) as found:
        rows = sum(item.rows for item in inputs)
        parts = partitions or max(found.width, -(-rows // BUCKET_ROWS))
        run = Run(found, scenario, calendar or Calendar.prc(), parts, heavy_rows, progress)
        events = _in_place(place, lambda folder: run.write(inputs, folder))
    return Built(events, len(scenario.features), Path(out))


def _check(out: Path) -> None:
    held = list(out.iterdir()) if out.is_dir() else [out] if out.exists() else []
    if any(not (file.name.startswith("part-") and file.suffix == ".parquet") for file in held):
        message = f"{out} holds something else; name a new folder, or one of parts to replace"
        raise InputError(message)


def _inputs(
    paths: Sequence[Path], scenario: Scenario, sources: Mapping[str, Sequence[Path]]
) -> list[Input]:
    inputs = [Input.own(scenario, paths)]
    for item in scenario.sources:
        if item.scenario not in sources:
            message = (
                f"{scenario.name} looks at events of {item.scenario!r}, which are not given; "
                "pass their files as a source"
            )
            raise InputError(message)
        inputs.append(Input.source(item, sources[item.scenario]))
    if inputs[0].rows == 0:
        raise UnreadableSourceError("the files hold no event; name files that do")
    return inputs


def _in_place(out: Path, fill: Callable[[Path], int]) -> int:
    """Fill a folder beside `out`, which then takes its place."""
    out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        found = fill(made)
        for left in made.glob(".*"):  # by a worker that was stopped while it wrote
            left.unlink()
        made.chmod(0o755)
        _replace(out, made)
    except BaseException:
        shutil.rmtree(made)
        raise
    return found


def _replace(out: Path, made: Path) -> None:
    if not out.exists():
        made.rename(out)
        return
    old = made.with_suffix(".old")
    out.rename(old)
    try:
        made.rename(out)
    except BaseException:
        old.rename(out)
        raise
    shutil.rmtree(old)


class Run:
    """One scenario's features on one engine."""

    def __init__(
        self,
        engine: Engine,
        scenario: Scenario,
        calendar: Calendar,
        parts: int,
        heavy_rows: int,
        progress: Progress | None,
    ) -> None:
        self.engine = engine
        self.scenario = scenario
        self.calendar = calendar
        self.parts = parts
        self.heavy_rows = heavy_rows
        self.progress = progress
        self.alone, self.stages = stages_of(scenario.measures)
        self.lanes: dict[Key, list[Atom]] = {}
        for atom in scenario.atoms:
            self.lanes.setdefault(atom.key, []).append(atom)
        self.compared = [item.of for item in scenario.features if isinstance(item.of, KeyZ)]
        self._rows: dict[str, int] = {}
        self._done = 0

    def write(self, inputs: Sequence[Input], folder: Path) -> int:
        """Write all parts into `folder`; the number of events in them."""
        self._rows = {given.of: given.rows for given in inputs if given.rows}
        flows = {given.of: self._settled(given) for given in inputs if given.rows}
        known = self.alone
        for stage in self.stages:
            rows = flows[OWN]
            flows[OWN] = self._measured(rows, stage, known)
            rows.drop()
            known += tuple(stage.measures)
        weights = self._weights(flows, [(), *self.lanes])
        cuts = cuts_of(weights[()], self.parts)
        heads = flows[OWN].map(Head(read_of(self.scenario), cuts))
        states = [
            self._states(key, atoms, flows, weights[key], cuts) for key, atoms in self.lanes.items()
        ]
        people: dict[str, Integers] = {}
        kept = [*flows.values(), *states]
        for of in self.compared:
            numbers, people[of.name] = self._numbers(of, flows, cuts)
            states.append(numbers.map(Only(NUMBERS + of.name)))
            kept.append(numbers)
        step = Write(self.scenario, self.calendar, folder, people)
        written = heads.union(states).exchange(self.parts).map(step).collected()
        self._step("parts written")
        for flow in kept:
            flow.drop()
        return sum(int(parcel.frame["events"].sum()) for parcel in written)

    def _settled(self, given: Input) -> Flow:
        """Rows of an input with what is known of each from its versions and itself."""
        pieces = self.engine.flow(list(given.pieces()))
        if given.has("seq"):
            pieces.map(Places(self.parts)).exchange(self.parts).map(Once()).collected()
        read, settle = Read(given, self.parts), Settle(self.scenario, self.calendar, self.alone)
        if given.has("event_id"):
            flow = pieces.map(read).exchange(self.parts).map(settle).kept()
        else:
            flow = pieces.map(Both(read, settle)).kept()
        self._step(f"{given.of or self.scenario.name} read")
        return flow

    def _measured(self, rows: Flow, stage: Stage, known: tuple[Measure, ...]) -> Flow:
        atoms = [item.atom for item in stage.measures if item.atom]
        weights = self._weights({OWN: rows}, [stage.key])[stage.key]
        units = self._units(weights, atoms)
        if any(item.how == "steps" for item in stage.measures):
            units = UNITS.to_frame()  # what is gathered comes from the key's first row on
        place = Place(stage.key, units, self.parts)
        step = MeasureRows(self.scenario, self.calendar, stage, known)
        made = rows.map(place).exchange(self.parts).map(step).kept()
        self._step("measures by " + ", ".join(stage.key))
        return made

    def _states(
        self,
        key: Key,
        atoms: Sequence[Atom],
        flows: Mapping[str, Flow],
        weights: pl.DataFrame,
        cuts: Integers,
    ) -> Flow:
        """States of one key's atoms, on their way to their parts."""
        brought = self._brought(key, atoms, flows, self._units(weights, atoms))
        name = "states " + " ".join(key)
        step = StateRows(self.scenario, self.calendar, tuple(atoms), cuts, name)
        made = brought.map(step).kept()
        self._step("windows by " + ", ".join(key))
        return made

    def _numbers(
        self, of: KeyZ, flows: Mapping[str, Flow], cuts: Integers
    ) -> tuple[Flow, Integers]:
        """Numbers of the events' keys on their way to their parts, and versions' populations."""
        asked = [parcel.frame for parcel in flows[OWN].map(AskFor(self.calendar)).collected()]
        versions = pl.concat(asked).unique().sort(pl.all()).with_row_index("@version")
        versions = versions.with_columns(pl.col("@version").cast(pl.Int64))
        brought = self._brought(of.key, of.members, flows, UNITS.to_frame())
        step = KeyNumbers(self.scenario, self.calendar, of, versions, cuts, self.parts)
        made = brought.map(step).kept()
        counts = made.map(Only(COUNTS)).exchange(self.parts).map(Populate()).collected()
        self._step("snapshots of " + of.name)
        return made, populations(counts, len(versions))

    def _brought(
        self, key: Key, atoms: Sequence[Atom], flows: Mapping[str, Flow], units: pl.DataFrame
    ) -> Flow:
        """Rows of all flows that the atoms look at, in the buckets of their key."""
        read = {of: frozenset(read_by(atoms, of or None)) for of in flows}
        placed = [
            flow.map(Place(key, units, self.parts, read[of]))
            for of, flow in flows.items()
            if read[of]
        ]
        return placed[0].union(placed[1:]).exchange(self.parts)

    def _units(self, weights: pl.DataFrame, atoms: Sequence[Atom]) -> pl.DataFrame:
        """Spans of time of the keys that have too many rows in all flows together."""
        return units_of(weights, self.heavy_rows, edge_of(atoms, self.calendar))

    def _weights(
        self, flows: Mapping[str, Flow], keys: Sequence[Key]
    ) -> Mapping[Key, pl.DataFrame]:
        """Heavy keys: one with too many rows has more than the floor of them in some partition."""
        most = max(self.parts, sum(self._rows.values()) // PIECE_ROWS + len(self._rows))
        floor = self.heavy_rows // (most * len(self._rows))
        found = [
            parcel.frame
            for of, flow in flows.items()
            for parcel in flow.map(Weigh(self._asked(keys, of), floor)).collected()
        ]
        weights = pl.concat(found)
        return {key: weights.filter(pl.col("key") == " ".join(key)) for key in keys}

    def _asked(self, keys: Sequence[Key], of: str) -> tuple[Key, ...]:
        """Those of the keys that a flow's rows are brought together by."""
        if of == OWN:
            return tuple(keys)
        return tuple(
            key for key in keys if any(atom.source == of for atom in self.lanes.get(key, ()))
        )

    def _step(self, name: str) -> None:
        self._done += 1
        if self.progress:
            parts = self._rows, self.stages, self.lanes, self.compared
            total = 1 + sum(len(part) for part in parts)
            self.progress(self._done, total, name)
