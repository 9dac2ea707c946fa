"""Laws of the control sample: each event by itself, at the rate that was announced."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contracts.errors import InputError
from models.control import Control, Stratum

KEY = b"only-for-these-tests"
_IDS = st.lists(st.text(max_size=8), min_size=1, max_size=40, unique=True)


def _control(*rates: float) -> Control:
    floors = (0.0, 0.5, 0.9)
    return Control(KEY, "c1", tuple(map(Stratum, floors, rates)))


@given(_IDS)
def test_an_events_draw_is_its_own(ids: list[str]) -> None:
    """Neither the company of an event nor its turn changes what is drawn."""
    control = _control(0.2, 0.4, 0.6)
    alone = {event: control.draw(event) for event in ids}

    assert {event: control.draw(event) for event in reversed(ids)} == alone
    assert all(0.0 <= draw < 1.0 for draw in alone.values())


@given(_IDS, st.floats(0, 1), st.floats(0, 1))
def test_within_a_stratum_the_score_does_not_matter(ids: list[str], one: float, two: float) -> None:
    """Two events of one stratum are drawn or not whatever they score there."""
    control = _control(0.5, 0.5, 0.5)
    assert [control.is_drawn(event, one) for event in ids] == [
        control.is_drawn(event, two) for event in ids
    ]


@given(_IDS)
def test_a_higher_rate_draws_more_of_the_same(ids: list[str]) -> None:
    """What a low rate draws, a higher one draws too: rates can be raised without a new sample."""
    few, many = _control(0.1, 0.1, 0.1), _control(0.6, 0.6, 0.6)
    assert {e for e in ids if few.is_drawn(e, 0.1)} <= {e for e in ids if many.is_drawn(e, 0.1)}


def test_strata_are_drawn_at_their_rates() -> None:
    """Of 20,000 events a stratum, the announced share is drawn, to four standard deviations."""
    control = _control(0.02, 0.1, 0.5)
    ids = [f"E-{number}" for number in range(20_000)]
    for percentile, rate in ((0.0, 0.02), (0.4999, 0.02), (0.5, 0.1), (0.9, 0.5), (1.0, 0.5)):
        drawn = np.mean([control.is_drawn(event, percentile) for event in ids])
        assert drawn == pytest.approx(rate, abs=4 * (rate * (1 - rate) / len(ids)) ** 0.5)


def test_another_key_draws_another_sample() -> None:
    """Key and key id both decide; nobody who lacks the key can tell who is drawn."""
    ids = [f"E-{number}" for number in range(200)]
    samples = [
        [Control(key, key_id, (Stratum(0.0, 0.5),)).is_drawn(event, 0.0) for event in ids]
        for key, key_id in ((KEY, "c1"), (KEY, "c2"), (KEY + b"!", "c1"))
    ]
    assert samples[0] != samples[1]
    assert samples[0] != samples[2]


def test_a_plan_spends_its_share() -> None:
    """Strata weighted by their width take a fifth of the reviews, half of it in the upper tenth."""
    control = Control.planned(KEY, "c1", budget=0.01)
    low, high = control.strata
    assert 0.9 * low.rate == pytest.approx(0.1 * high.rate)
    assert 0.9 * low.rate + 0.1 * high.rate == pytest.approx(0.2 * 0.01)


def test_the_key_is_never_told() -> None:
    """Neither the announced text nor what a debugger prints holds the key."""
    control = _control(0.1, 0.2, 0.3)
    assert KEY.decode() not in control.text + repr(control)


@pytest.mark.parametrize(
    ("key", "strata", "told"),
    [
        (b"short", [(0.0, 0.1)], "16 or more"),
        (KEY, [], "rise from 0.0"),
        (KEY, [(0.1, 0.1)], "rise from 0.0"),
        (KEY, [(0.0, 0.1), (0.0, 0.2)], "rise from 0.0"),
        (KEY, [(0.0, 0.0)], r"not in \(0, 1\]"),
        (KEY, [(0.0, 1.1)], r"not in \(0, 1\]"),
    ],
)
def test_what_cannot_be_drawn_fairly_is_refused(
    key: bytes, strata: Sequence[tuple[float, float]], told: str
) -> None:
    """A short key, strata that leave a gap, a rate that weights nothing."""
    with pytest.raises(InputError, match=told):
        Control(key, "c1", tuple(Stratum(*each) for each in strata))
