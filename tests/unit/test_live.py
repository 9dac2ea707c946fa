"""Live equals batch, cell by cell: every operation, late rows, corrections, however it is cut."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from features.batch import build
from features.contracts.events import EPOCH, Event, EventField, to_us
from features.contracts.vectors import Codes, Vector
from features.live.engine import LiveEngine, rebuild
from features.spec import (
    Excess,
    Expression,
    Feature,
    IsNew,
    Measure,
    NearDuplicates,
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
from features.store.history import Sizes
from features.store.keys import HeavyHistory
from features.store.ledger import Ledger
from features.store.testing import Server

START: Final = EPOCH + timedelta(days=20_000)
LONG_AFTER: Final = to_us(START + timedelta(days=4_000))
FIRM, OFFICER, PAIR, SECTOR = ("firm",), ("officer",), ("firm", "officer"), ("sector",)
BUILT: Final = Where("built", "sector", ("build",))
CANCELLED: Final = Where("cancelled", "kind", ("cancelled",))
VISITS: Final = (
    EventField(name="firm", kind="key", title_zh="企业", title_en="firm"),
    EventField(name="inspector", kind="key", title_zh="检查人", title_en="inspector"),
    EventField(name="points", kind="number", title_zh="扣分", title_en="points"),
)
FIELDS: Final = (
    EventField(name="firm", kind="key", title_zh="企业", title_en="firm"),
    EventField(name="officer", kind="key", title_zh="经办人", title_en="officer"),
    EventField(name="sector", kind="category", title_zh="行业", title_en="sector"),
    EventField(name="amount_minor", kind="money", title_zh="金额", title_en="amount"),
    EventField(name="hit", kind="number", title_zh="命中", title_en="hit"),
    EventField(name="p_ppm", kind="number", title_zh="概率", title_en="probability"),
    EventField(name="text", kind="sketch", title_zh="文本", title_en="text"),
)
OF: Final[tuple[Expression, ...]] = (
    *(Window(FIRM, agg, "amount_minor", days=30) for agg in ("sum", "mean", "std", "min", "max")),
    *(Window(SECTOR, agg, "amount_minor", days=90) for agg in ("sum", "std", "min", "max")),
    Window(SECTOR, "sum", "amount_minor", days=7),
    Window(SECTOR, "max", "amount_minor", minutes=90),
    Window(SECTOR, "count", period="day"),
    Window(SECTOR, "sum", "amount_minor", period="quarter"),
    Window(OFFICER, "count", days=90),
    Window(OFFICER, "count", days=90, where=CANCELLED),
    Window(SECTOR, "min", "amount_minor", days=90, where=BUILT),
    *(Window(OFFICER, agg, "firm", days=60) for agg in ("distinct", "hhi", "entropy")),
    Window(OFFICER, "distinct", "firm", days=5),
    Window(SECTOR, "entropy", "before", days=60),
    Window(SECTOR, "distinct", "kind", days=60, where=Where("any", "kind", ("paid", "cancelled"))),
    *(Window(SECTOR, agg, "amount_minor", days=60) for agg in ("median", "mad")),
    Window(FIRM, "mad", "amount_minor", period="month"),
    Window(("before",), "max", "rise_ppm", days=90),
    Share(PAIR, of=FIRM, days=60, min_n=1),
    Share(PAIR, of=FIRM, value="amount_minor", days=60, min_n=1),
    IsNew(PAIR, of=FIRM, min_n=1),
    Rarity(("officer", "sector"), of=OFFICER, min_n=1),
    Since(SECTOR),
    Since(SECTOR, where=BUILT, which="first", days=90),
    Since(SECTOR, where=CANCELLED),
    RobustZ("amount_minor", (PAIR, SECTOR), days=365),
    RobustZ("amount_minor", (OFFICER,), days=40, where=BUILT),
    PeerRank("amount_minor", (OFFICER, SECTOR), days=365),
    Excess(OFFICER, "hit", "p_ppm", min_n=1),
    NearDuplicates(SECTOR, "text", similarity=0.2, days=60),
    Own("gap_d"),
    Window(FIRM, "count", source="visits", days=90),
    Window(FIRM, "sum", "points", source="visits", period="quarter"),
    Window(FIRM, "distinct", "inspector", source="visits"),
    Since(FIRM, source="visits"),
)
WIDE: Final = Scenario(
    name="wide",
    zh="宽",
    en="wide",
    kinds=("paid", "cancelled"),
    scored=("paid",),
    history=("paid",),
    subject="firm",
    amount="amount_minor",
    peer_group="sector",
    fields=FIELDS,
    measures=(
        Measure("before", "previous", key=FIRM, field="officer"),
        Measure("rise_ppm", "change_ppm", key=SECTOR, field="amount_minor", where=BUILT),
        Measure("gap_d", "elapsed", key=SECTOR, where=CANCELLED),
    ),
    features=tuple(Feature(of, "特征", "a feature", "缘由", "a reason") for of in OF),
    sources=(Source("visits", ("visited",), VISITS),),
)


def _is_measured(item: Feature) -> bool:
    taken = {getattr(item.of, "value", None), *getattr(item.of, "key", ())}
    return not taken.isdisjoint({"before", "rise_ppm", "gap_d"})


PLAIN: Final = replace(
    WIDE, measures=(), features=tuple(item for item in WIDE.features if not _is_measured(item))
)
"""Without what looks back before it is asked, so that backfills are appended one by one."""
CUTS: Final = (
    Sizes(),
    Sizes(chunk_rows=3, heavy_rows=5, cache_rows=60),
    Sizes(chunk_rows=2, heavy_rows=2, cache_rows=1),
    Sizes(chunk_rows=8, heavy_rows=12, cache_rows=400),
)


class Story:
    """Events drawn at random over few keys: ties, late rows, corrections, retractions."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.versions: dict[tuple[str, str], int] = {}
        self.day = 0.0

    def event(self) -> Event:
        """The next event, a tenth of them late, a tenth a further version of an earlier one."""
        rng = self.rng
        self.day += float(rng.choice([0.0, 0.0, 0.02, 0.3, 1.0]))
        late = float(rng.choice([0.0] * 9 + [rng.integers(1, 70)]))
        kind = str(rng.choice(["paid", "paid", "paid", "cancelled"]))
        event_id = f"E{len(self.versions)}"
        if self.versions and rng.random() < 0.12:
            kind, event_id = list(self.versions)[rng.integers(len(self.versions))]
        self.versions[kind, event_id] = self.versions.get((kind, event_id), 0) + 1
        return Event(
            scenario="wide",
            kind=kind,
            event_id=event_id,
            version=self.versions[kind, event_id],
            effective_at=START + timedelta(days=round(self.day - late, 2)),
            ordinal=int(rng.integers(2)),
            retracted=bool(rng.random() < 0.05),
            fields=self.fields(),
        )

    def fields(self) -> dict[str, int | str | None]:
        """Fields over few values, each now and then missing."""
        rng = self.rng
        drawn: dict[str, int | str | None] = {
            "firm": str(rng.choice(["A", "A", "B", "C"])),
            "officer": f"O{rng.integers(3)}",
            "sector": str(rng.choice(["build", "plan"])),
            "amount_minor": int(rng.choice([0, -5, 2**43, *np.exp(rng.normal(9, 2, 9))])),
            "hit": int(rng.integers(2)),
            "p_ppm": int(rng.integers(1_000_001)),
            "text": int(rng.integers(2**62)),
        }
        return {name: value for name, value in drawn.items() if rng.random() > 0.06}

    def visit(self, number: int) -> Event:
        """An event of the source."""
        rng = self.rng
        return Event(
            scenario="visits",
            kind=str(rng.choice(["visited", "planned"])),
            event_id=f"V{rng.integers(number + 1)}",
            version=number + 1,
            effective_at=START + timedelta(days=round(self.day - float(rng.choice([0, 0, 9])), 2)),
            retracted=bool(rng.random() < 0.1),
            fields={"firm": str(rng.choice(["A", "B"])), "inspector": f"I{rng.integers(3)}"}
            | {"points": int(rng.integers(-3, 9))},
        )


class Replay:
    """A story told to an engine live, in bulk and by the source, and what was answered."""

    def __init__(self, ledger: Ledger, scenario: Scenario, sizes: Sizes) -> None:
        self.ledger, self.scenario, self.sizes = ledger, scenario, sizes
        self.engine = LiveEngine(ledger, scenario, sizes=sizes)
        self.told: dict[int, tuple[Vector, Codes]] = {}

    def live(self, event: Event, now: int, *, is_scored: bool) -> None:
        """Score and append, in one transaction."""
        with self.ledger.transaction():
            values, status = self.engine.values(event) if is_scored else (None, None)
            stored = self.ledger.append(event, now_us=LONG_AFTER + now)
            self.engine.append(stored)
        if values is not None and status is not None:
            self.told[stored.seq] = values, status

    def reopen(self) -> None:
        """Go on with another engine over the same database."""
        self.engine = LiveEngine(self.ledger, self.scenario, sizes=self.sizes)

    def tell(self, story: Story, n: int) -> None:
        """Tell `n` events, each in one of the ways in which an event can come."""
        for number in range(n):
            way = story.rng.random()
            if way < 0.6:
                self.live(story.event(), number, is_scored=way < 0.5)
            elif way < 0.75:
                self.ledger.admit([story.event() for _ in range(2)])
            elif way < 0.85:
                self.ledger.admit([story.visit(number)], observed_us=LONG_AFTER + number)
            elif way < 0.95:
                with self.ledger.transaction():
                    visit = story.visit(number)
                    self.engine.follow(self.ledger.append(visit, now_us=LONG_AFTER + number))
            elif way < 0.98:
                self.engine.forget()
            else:
                self.reopen()

    def compare(self) -> int:
        """Ask about every scored event again; return how many cells equal batch's, which is all."""
        table = build(self.ledger, self.scenario)
        kept = {item.name for item in self.scenario.features if not _is_measured(item)}
        for row, seq in enumerate(table.seq.tolist()):
            (stored,) = self.ledger.at([seq])
            asked = self.engine.values(stored.event, stored=stored)
            for told in (asked, self.told.get(seq, asked)):
                for k, name in enumerate(table.names):
                    if told is not asked and name not in kept:
                        continue  # a backfill gives another past to what earlier events measured
                    live, batch = told[0][k], table.values[row, k]
                    assert live.tobytes() == batch.tobytes(), (seq, name, live, batch)
                    assert told[1][k] == table.status[row, k], (seq, name)
        return table.values.size


@pytest.mark.parametrize("scenario", [WIDE, PLAIN], ids=["measured", "plain"])
@pytest.mark.parametrize("sizes", CUTS, ids=["default", "cut", "tiny", "middle"])
@pytest.mark.parametrize("seed", range(3))
def test_every_way_of_learning_gives_what_batch_gives(
    scenario: Scenario, sizes: Sizes, seed: int
) -> None:
    """Live, bulk, another scenario's events, restarts: the vector is batch's, bit for bit."""
    replay = Replay(Ledger.in_memory(), scenario, sizes)
    replay.tell(Story(seed), 150)

    assert replay.compare() > 1000


@pytest.mark.parametrize("sizes", CUTS[:3], ids=["default", "cut", "tiny"])
def test_a_rebuilt_store_gives_the_same(sizes: Sizes, tmp_path: Path) -> None:
    """What was appended event by event is what the ledger's columns give at once, on disk too."""
    ledger = Ledger.open(tmp_path / "ledger.db")
    replay = Replay(ledger, WIDE, sizes)
    replay.tell(Story(7), 120)
    rebuild(ledger, WIDE)
    replay.reopen()
    replay.compare()
    ledger.close()
    ledger = Ledger.open(tmp_path / "ledger.db")

    assert Replay(ledger, WIDE, sizes).compare() > 1000
    ledger.close()


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("sizes", CUTS[1:3], ids=["cut", "tiny"])
def test_postgresql_gives_what_batch_gives(sizes: Sizes, postgres: Server) -> None:
    """Told event by event, asked again by an engine that has just opened, and rebuilt."""
    with postgres.ledger() as place, closing(Ledger.open(place)) as ledger:
        replay = Replay(ledger, WIDE, sizes)
        replay.tell(Story(5), 80)
        assert replay.compare() > 1000
        with closing(Ledger.open(place)) as other:
            rebuild(other, WIDE)
            assert Replay(other, WIDE, sizes).compare() > 1000


def test_heavy_keys_are_served_from_tiles() -> None:
    """The cut histories of these tests do have heavy keys."""
    replay = Replay(Ledger.in_memory(), PLAIN, replace(CUTS[1], cache_rows=10_000))
    replay.tell(Story(3), 150)
    replay.compare()

    held = replay.engine.ground.store._cache.values()
    assert any(isinstance(history, HeavyHistory) for history in held)
