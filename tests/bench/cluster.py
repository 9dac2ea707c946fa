"""Features built on Spark and on Dask against the local build, bit for bit.

The history has ties, late rows, corrections, retractions, an id under two kinds, keys that are
missing, and keys with so many rows that they are divided in time; its features take measures of
measures, keys of two fields, peers, and the events of another scenario.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from features import cluster
from features.build import build
from features.contracts.events import EventField
from features.contracts.tables import STATUS_SUFFIX
from features.declared import NETWORK_HOWS
from features.spec import (
    Excess,
    Expression,
    Feature,
    IsNew,
    KeyZ,
    Measure,
    NearDuplicates,
    Network,
    Own,
    PeerRank,
    Rarity,
    RobustZ,
    Scenario,
    Share,
    Since,
    Source,
    Where,
    Window,
)

EngineName = Literal["spark", "dask"]
Ints = npt.NDArray[np.int64]

HOUR_US: Final = 3_600_000_000
START_US: Final = 1_700_000_000_000_000
FILES: Final = 3
FIRM: Final = ("firm",)
OFFICER: Final = ("officer",)
AMOUNT: Final = "amount_minor"
BUILT: Final = Where("built", "step", ("S1", "S2"))
CAPS: Final = (("S1", ((START_US, 700), (START_US + 2400 * HOUR_US, 900))), ("S0", ((0, 500),)))
_FIELDS: Final = (
    EventField(name="firm", kind="key", title_zh="企业", title_en="firm", required=True),
    EventField(name="officer", kind="key", title_zh="经办人", title_en="officer"),
    EventField(name="step", kind="category", title_zh="环节", title_en="step"),
    EventField(name="site", kind="key", title_zh="地点", title_en="site"),
    EventField(name=AMOUNT, kind="money", title_zh="金额", title_en="amount"),
    EventField(name="staff", kind="number", title_zh="人数", title_en="staff"),
    EventField(name="due_at", kind="instant", title_zh="期限", title_en="due"),
    EventField(name="text", kind="sketch", title_zh="文本", title_en="text"),
    EventField(name="hit", kind="number", title_zh="命中", title_en="hit"),
    EventField(name="chance", kind="number", title_zh="概率", title_en="chance"),
)
RING: Final = Network("firm", ("officer", "site"), most_degree=6, least_ppm=600_000)
_MEASURES: Final = (
    Measure("per_head", "quotient", field=AMOUNT, other="staff"),
    Measure("prev_step", "previous", key=FIRM, field="step"),
    Measure("gap_min", "elapsed", key=FIRM, unit="minutes", days=90),
    Measure("step_gap", "elapsed", key=("prev_step", "step"), unit="minutes"),
    Measure("rise_ppm", "change_ppm", key=OFFICER, field="per_head", where=BUILT),
    Measure("gap_ppm", "ratio_ppm", field="gap_min", other="staff"),
    Measure("slack_d", "between", field="due_at"),
    Measure("hour", "hour"),
    Measure("cap", "limit", field="prev_step", where=BUILT, limits=CAPS),
    Measure("cap_ppm", "ratio_ppm", field=AMOUNT, other="cap"),
    Measure("is_near", "within", field="cap_ppm", low=0, high=900_000),
    *(Measure(how, how, ("step",), AMOUNT, days=20, network=RING) for how in NETWORK_HOWS),
)
EXPRESSIONS: Final[tuple[Expression, ...]] = (
    Own("gap_ppm"),
    Own("step_gap"),
    Own("rise_ppm"),
    *(Own(how) for how in NETWORK_HOWS),
    Window(FIRM, "count", days=30),
    Window(FIRM, "count", period="month"),
    Window(OFFICER, "count", minutes=90),
    Window(OFFICER, "sum", AMOUNT, days=365),
    Window(OFFICER, "total", "cap_ppm", days=365),
    Window(FIRM, "earlier", "cap_ppm", days=365),
    Window(FIRM, "mean", "is_near", days=365),
    Window(FIRM, "std", AMOUNT, days=90),
    Window(FIRM, "max", "gap_min", days=90, where=BUILT),
    Window(OFFICER, "distinct", "firm", days=90),
    Window(FIRM, "hhi", "prev_step", days=365),
    Window(FIRM, "entropy", "officer", days=365),
    Window(OFFICER, "median", AMOUNT, days=60),
    Window(OFFICER, "mad", AMOUNT, days=60),
    Window(("site",), "count", days=30),
    Share(("firm", "officer"), of=FIRM, days=365),
    IsNew(("firm", "step"), of=FIRM),
    Rarity(("prev_step", "step"), of=("prev_step",)),
    Since(FIRM),
    Since(OFFICER, which="first", where=BUILT),
    RobustZ(AMOUNT, peers=(("firm", "step"), ("step",)), days=180),
    PeerRank("rise_ppm", peers=(OFFICER, ("step",)), days=365),
    Excess(OFFICER, "hit", "chance", days=365),
    NearDuplicates(FIRM, "text", days=120),
    KeyZ(("site",), days=30),
    KeyZ(FIRM, value=AMOUNT, days=20, min_n=2),
    KeyZ(("firm", "step"), over=BUILT, days=60),
    KeyZ(FIRM, days=40, source="visits"),
    Window(OFFICER, "count", days=60, source="visits"),
    Window(FIRM, "sum", "length", days=60, source="visits"),
)
_FILLED: Final = ("n_30d_by_site", "amount_minor_std_90d_by_firm")
_VISITS: Final = (*_FIELDS[:2], EventField(name="length", kind="number", title_zh="", title_en=""))
SCENARIO: Final = Scenario(
    name="grants",
    zh="补贴",
    en="grants",
    kinds=("asked", "paid", "noted"),
    scored=("asked", "paid"),
    history=("asked", "paid"),
    subject="firm",
    amount=AMOUNT,
    peer_group="step",
    fields=_FIELDS,
    measures=_MEASURES,
    features=tuple(
        Feature(of, of.name, of.name, of.name, of.name, fill=0.0 if of.name in _FILLED else None)
        for of in EXPRESSIONS
    ),
    sources=(Source("visits", ("visited",), _VISITS),),
)


def grants(rows: int, *, seed: int = 7) -> pl.DataFrame:
    """Events of the scenario, in no order of time; firms are numbers, and no row has a site."""
    rng = np.random.default_rng(seed)
    t = START_US + rng.integers(0, 500 * 24, rows) * HOUR_US
    at_midnight = rng.random(rows) < 0.4
    t[at_midnight] -= t[at_midnight] % (24 * HOUR_US)
    firm = np.where(rng.random(rows) < 0.4, 0, rng.integers(0, 40, rows))
    officer = pl.Series([f"O{k}" for k in rng.integers(0, 9, rows)])
    events = pl.DataFrame(
        {
            "effective_at": t,
            "observed_at": t + _delays(rng, rows) * HOUR_US,
            "ordinal": rng.integers(0, 2, rows),
            "kind": rng.choice(["asked", "paid", "noted"], rows, p=[0.3, 0.6, 0.1]),
            "event_id": [f"E{k}" for k in _ids(rng, rows)],
            "retracted": rng.random(rows) < 0.02,
            "firm": firm,
            "officer": officer.set(pl.Series(rng.random(rows) < 0.1), None),
            "step": [f"S{k}" for k in rng.integers(0, 4, rows)],
            AMOUNT: rng.integers(-(10**4), 10**7, rows),
            "staff": rng.integers(0, 50, rows),
            "due_at": t + rng.integers(-(10**3), 10**3, rows) * HOUR_US,
            "text": rng.choice(rng.integers(0, 2**62, 50), rows) ^ (1 << rng.integers(0, 62, rows)),
            "hit": rng.integers(0, 2, rows),
            "chance": rng.integers(0, 10**6, rows),
        }
    )
    version = pl.int_range(1, pl.len() + 1).over("kind", "event_id")
    return events.with_columns(version.alias("version"))


def _delays(rng: np.random.Generator, rows: int) -> Ints:
    """Hours by which a tenth of the rows are learned late, and some before they happen."""
    late = np.where(rng.random(rows) < 0.1, rng.integers(0, 60 * 24, rows), 0)
    return np.where(rng.random(rows) < 0.02, -rng.integers(0, 72, rows), late)


def _ids(rng: np.random.Generator, rows: int) -> Ints:
    """A tenth of the rows are about an event that another row is about."""
    ids = np.arange(rows)
    again = rng.random(rows) < 0.1
    ids[again] = rng.integers(0, rows, int(again.sum()))
    return ids


def visits(rows: int, *, seed: int = 8) -> pl.DataFrame:
    """Events of the other scenario, learned as they happened; firms are texts."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "effective_at": np.sort(START_US + rng.integers(0, 500 * 24, rows) * HOUR_US),
            "firm": [str(k) for k in rng.integers(0, 45, rows)],
            "officer": [f"O{k}" for k in rng.integers(0, 12, rows)],
            "length": rng.integers(1, 100, rows),
        }
    )


@dataclass(frozen=True)
class Compared:
    """Cells compared and those of them that differ in value or status, by feature."""

    cells: int
    different: Mapping[str, int]


def compare(engine: EngineName, rows: int, *, parts: int = 4) -> Compared:
    """The cells of a history of about so many events, built on `engine` and here."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        given, source = folder / "events", folder / "visits.parquet"
        given.mkdir()
        events, size = grants(rows), -(-rows // FILES)
        for number, part in enumerate(events.iter_slices(size)):
            part.write_parquet(given / f"{number}.parquet")
        visits(rows // 4).write_parquet(source)
        sources = {"visits": [source]}
        build(sorted(given.iterdir()), SCENARIO, folder / "here.parquet", sources=sources)
        cluster.build(
            [given],
            SCENARIO,
            folder / "there",
            engine=engine,
            sources=sources,
            partitions=parts,
            heavy_rows=rows // 15,
        )
        here = pl.read_parquet(folder / "here.parquet")
        there = pl.concat(map(pl.read_parquet, sorted((folder / "there").iterdir())))
    return _compared(here, there)


def cells(engine: EngineName, rows: int = 24_000) -> tuple[int, int]:
    """How many cells were compared with the local build, and how many of them differ."""
    found = compare(engine, rows)
    return found.cells, sum(found.different.values())


def _compared(here: pl.DataFrame, there: pl.DataFrame) -> Compared:
    if not here.select("event_id", "effective_at").equals(there.select("event_id", "effective_at")):
        message = f"{len(there)} rows, other events or another order than the {len(here)} of here"
        raise ValueError(message)
    different = {}
    for name in SCENARIO.by_name:
        wrong = _bits(here[name]).ne_missing(_bits(there[name]))
        wrong |= here[name + STATUS_SUFFIX].ne_missing(there[name + STATUS_SUFFIX])
        different[name] = int(wrong.sum())
    return Compared(len(here) * len(different), different)


def _bits(values: pl.Series) -> pl.Series:
    return values.reinterpret(signed=True)
