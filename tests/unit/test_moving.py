"""The moving line is a function of what is stored: of the latest records and the bundle alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from models.bundle import Bundle
from models.rolling import RollingWindow, size_for, stand_ins
from serving.moving import MovingLine
from serving.testing import small_bundle

OURS, THEIRS = "a" * 64, "b" * 64
BUDGET = 0.05
SIZE = size_for(BUDGET)


@dataclass
class Records:
    """Records in memory, each with the digest of its bundle and its score."""

    rows: list[tuple[int, str, float]] = field(default_factory=list)
    n_read: int = 0

    def store(self, digest: str, score: float) -> str:
        """Store one more record; every third place belongs to another scenario."""
        last = self.rows[-1][0] if self.rows else 0
        self.rows.append((last + 1 + (last % 3 == 1), digest, score))
        return f"R-{self.rows[-1][0]}"

    def behind(self, place: int, limit: int) -> Sequence[tuple[int, str]]:
        """The latest `limit` behind `place`."""
        return [(at, f"R-{at}") for at, _, _ in self.rows if at > place][-limit:]

    def scores(self, places: Sequence[int], bundle: Bundle, digest: str) -> Mapping[int, float]:
        """Scores under that digest; how many are asked for is counted."""
        assert bundle.names == ("amount",)
        self.n_read += len(places)
        wanted = set(places)
        return {at: score for at, made, score in self.rows if at in wanted and made == digest}

    def line(self, digest: str) -> float:
        """What the line is, drawn from all records at once."""
        held_out = small_bundle().calibration.scores
        standing = stand_ins(held_out, SIZE)
        window = RollingWindow.seeded(held_out, SIZE)
        for at, made, score in self.rows:
            window.observe(at, score if made == digest else standing[at % len(standing)])
        return window.threshold(BUDGET)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_line_is_that_of_the_latest_records(seed: int) -> None:
    """However often it is looked at, and whoever stored them, also behind a full window."""
    draw = np.random.default_rng(seed)
    records = Records()
    often, seldom, bundle = MovingLine(records), MovingLine(records), small_bundle()
    for number in range(SIZE + 300):
        if number % 211 == 0 or number > SIZE + 290:
            assert often.threshold(bundle, OURS, BUDGET) == records.line(OURS)
        score = float(draw.integers(1, 20_000))
        record_id = records.store(OURS if draw.random() < 0.8 else THEIRS, score)
        if records.rows[-1][1] == OURS and draw.random() < 0.5:
            often.judged(record_id, score)
        if draw.random() < 0.002:
            assert seldom.threshold(bundle, OURS, BUDGET) == records.line(OURS)
    for digest in (THEIRS, OURS):
        begun = MovingLine(records).threshold(bundle, digest, BUDGET)
        assert begun == often.threshold(bundle, digest, BUDGET) == records.line(digest)


def test_what_was_judged_here_is_not_read_again() -> None:
    """The vectors of this service's own records stay where they are."""
    records, bundle = Records(), small_bundle()
    line = MovingLine(records)
    for score in (5.0, 20_000.0, 7.0):
        line.threshold(bundle, OURS, BUDGET)
        line.judged(records.store(OURS, score), score)
    assert line.threshold(bundle, OURS, BUDGET) == records.line(OURS)
    assert records.n_read == 0
