"""Distorted logs: each type does what it says, and one seed gives one log."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contracts.errors import InputError
from features.sources.read_xes import read_xes
from features.sources.rows import RawRow
from training.sequences.distort import DISTORTIONS, Step, Steps, Vocabulary
from training.sequences.inject import ACTIVITY, AT, CASE, OFFICER, inject
from training.sequences.write_xes import write_xes

WORDS = Vocabulary(tuple("abcdefgh"), ("R1", "R2", "R3"))
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _case(n: int) -> Steps:
    return tuple(
        Step("abcdefgh"[k % 8], WORDS.officers[k % 3], START + timedelta(hours=k * k), k)
        for k in range(n)
    )


def _log(n_cases: int, n_steps: int = 6) -> list[RawRow]:
    return [
        RawRow(
            case * n_steps + k,
            k + 1,
            {
                CASE: f"case-{case}",
                ACTIVITY: step.activity,
                OFFICER: step.officer,
                AT: step.at.isoformat(),
                "event:note": f"{case}.{k}",
            },
        )
        for case in range(n_cases)
        for k, step in enumerate(_case(n_steps))
    ]


@given(st.sampled_from(sorted(DISTORTIONS)), st.integers(3, 20), st.integers(0, 2**32 - 1))
def test_a_case_stays_in_the_order_of_time(kind: str, n: int, seed: int) -> None:
    """Whatever the type, instants do not fall and lie within those that a case can have."""
    steps = _case(n)
    found = DISTORTIONS[kind](steps, WORDS, np.random.default_rng(seed))
    instants = [step.at for step in found]

    assert instants == sorted(instants)
    assert instants[0] >= steps[0].at
    assert {step.activity for step in found} <= set(WORDS.activities)
    assert {step.officer for step in found} <= set(WORDS.officers)


@given(st.integers(3, 20), st.integers(0, 2**32 - 1))
def test_each_type_changes_what_it_names(n: int, seed: int) -> None:
    """Steps fall away, come in, come again, change places, or change hands."""
    steps = _case(n)
    made = {
        kind: DISTORTIONS[kind](steps, WORDS, np.random.default_rng(seed)) for kind in DISTORTIONS
    }
    counts = {kind: Counter(step.row for step in found) for kind, found in made.items()}

    assert n - 2 <= len(made["skip"]) <= n - 1
    assert made["skip"][-1] == steps[-1]
    assert n + 1 <= len(made["insert"]) <= n + 2
    assert made["insert"][-1] == steps[-1]
    assert n + 2 <= len(made["rework"]) <= n + 3
    assert set(counts["rework"].values()) <= {1, 2}
    for kind in ("early", "late"):
        assert counts[kind] == Counter(range(n))
        assert [step.row for step in made[kind]] != list(range(n))
        assert [step.at for step in made[kind]] == [step.at for step in steps]
    officers = [
        now.officer != then.officer for now, then in zip(made["wrong_officer"], steps, strict=True)
    ]
    assert 1 <= sum(officers) <= 3


@given(st.integers(3, 20), st.integers(0, 2**32 - 1))
def test_one_or_two_steps_move_at_most_five_places(n: int, seed: int) -> None:
    """Early steps go forward, late ones back; those that they pass make room."""
    for kind, sign in (("early", -1), ("late", 1)):
        found = DISTORTIONS[kind](_case(n), WORDS, np.random.default_rng(seed))
        moved = [sign * (place - step.row) for place, step in enumerate(found)]

        assert 1 <= sum(shift > 0 for shift in moved) <= 2
        assert 1 <= max(moved) <= 5
        assert -2 <= min(moved) <= -1


def test_a_tenth_of_the_cases_is_distorted_in_equal_parts() -> None:
    """Types in equal parts; every other case is as it was, and the seed decides which."""
    rows = _log(240)
    done, again, other = (inject(rows, seed=seed) for seed in (1, 1, 2))
    before: dict[str, list[RawRow]] = {row.cells[CASE]: [] for row in rows}
    after: dict[str, list[RawRow]] = {case: [] for case in before}
    for found, listed in ((rows, before), (done.rows, after)):
        for row in found:
            listed[row.cells[CASE]].append(row)

    assert Counter(done.types.values()) == dict.fromkeys(DISTORTIONS, 4)
    assert sum(done.shares.values()) == pytest.approx(0.1)
    assert {case for case in before if before[case] != after[case]} == set(done.types)
    assert done == again
    assert done.types != other.types


def test_a_log_that_is_written_is_read_again(tmp_path: Path) -> None:
    """Attributes with marks of XML in them come back; positions count anew."""
    rows = [row._replace(cells={**row.cells, "trace:part": 'a&b"<c>'}) for row in _log(60)]
    done = inject(rows, seed=3)
    for name in ("log.xes", "log.xes.gz"):
        write_xes(done.rows, tmp_path / name)
        read = list(read_xes(tmp_path / name))

        assert [row.cells for row in read] == [row.cells for row in done.rows]
        assert [row.position for row in read] == [row.position for row in done.rows]


@pytest.mark.parametrize(
    ("rows", "share", "told"),
    [
        (_log(60), 0.0, "share of 0.0"),
        (_log(3), 0.1, "0 of 3 cases"),
        (_log(60, n_steps=2), 0.1, "0 have 3 steps"),
        ([RawRow(7, 1, {CASE: "a", AT: "2026-03-02"})], 0.1, "line 7: the event has no event:con"),
    ],
)
def test_what_cannot_be_distorted_is_refused(rows: list[RawRow], share: float, told: str) -> None:
    """No share, no case, cases too short, no activity."""
    with pytest.raises(InputError, match=told):
        inject(rows, seed=1, share=share)
