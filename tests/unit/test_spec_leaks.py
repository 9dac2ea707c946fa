"""Declarations that could see ahead are refused, with the name of what would see."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from features.contracts.errors import DeclarationError, LeakError
from features.spec import (
    Excess,
    Expression,
    IsNew,
    KeyZ,
    Measure,
    NearDuplicates,
    Own,
    PeerRank,
    Rarity,
    RobustZ,
    Rule,
    Share,
    Since,
    Where,
    Window,
)
from tests.unit.small import FIRM, PAIR, scenario


@pytest.mark.parametrize("days", [0, -1, 1828])
@pytest.mark.parametrize(
    "declare",
    [
        lambda days: Window(FIRM, "sum", "amount_minor", days=days),
        lambda days: Share(PAIR, of=FIRM, days=days),
        lambda days: IsNew(PAIR, of=FIRM, days=days),
        lambda days: Since(FIRM, days=days),
        lambda days: RobustZ("amount_minor", (FIRM,), days=days),
        lambda days: Rarity(PAIR, of=FIRM, days=days),
        lambda days: Measure("idle_d", "elapsed", key=FIRM, days=days),
    ],
    ids=["window", "share", "is_new", "since", "robust_z", "rarity", "measure"],
)
def test_a_window_that_could_see_ahead_is_refused(
    declare: Callable[[int], object], days: int
) -> None:
    """No or a negative length is a leak, a length beyond five years is none that we keep."""
    with pytest.raises(LeakError, match=f"(_{days}d|idle_d).*state days between 1 and 1827"):
        declare(days)


WINDOWED: Final[dict[str, Callable[..., Expression]]] = {
    "window": lambda **given: Window(FIRM, "sum", "amount_minor", **given),
    "share": lambda **given: Share(PAIR, of=FIRM, **given),
    "is_new": lambda **given: IsNew(PAIR, of=FIRM, **given),
    "since": lambda **given: Since(FIRM, **given),
    "robust_z": lambda **given: RobustZ("amount_minor", (FIRM,), **given),
    "rank": lambda **given: PeerRank("amount_minor", (FIRM,), **given),
    "rarity": lambda **given: Rarity(PAIR, of=FIRM, **given),
    "excess": lambda **given: Excess(FIRM, "amount_minor", "amount_minor", **given),
    "purpose": lambda **given: NearDuplicates(FIRM, "purpose", **given),
    "key_z": lambda **given: KeyZ(FIRM, **given),
}


@pytest.mark.parametrize("minutes", [0, -10, 9, 1827 * 1440 + 1])
@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_in_minutes_has_bounds_too(name: str, minutes: int) -> None:
    """Ten minutes are the least, five years the most; the refusal names the feature."""
    with pytest.raises(
        LeakError,
        match=f"{name if name != 'window' else 'sum'}.*{minutes}min.*"
        "state minutes between 10 and 2630880",
    ):
        WINDOWED[name](minutes=minutes)


@pytest.mark.parametrize(
    "given",
    [
        {"days": 7, "minutes": 10},
        {"days": 7, "period": "month"},
        {"minutes": 10, "period": "day"},
        {"days": 7, "minutes": 10, "period": "year"},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_is_stated_once(name: str, given: dict[str, Any]) -> None:
    """Days, minutes and a period exclude each other."""
    with pytest.raises(
        DeclarationError, match=f"{name if name != 'window' else 'sum'}.*: state one of"
    ):
        WINDOWED[name](**given)


@pytest.mark.parametrize("name", WINDOWED)
def test_a_period_is_one_of_four(name: str) -> None:
    """Weeks are no calendar period."""
    with pytest.raises(DeclarationError, match=r"this_week.*: no period 'week'; choose one of day"):
        WINDOWED[name](period="week")


def test_a_snapshot_ends_at_midnight_and_has_a_length() -> None:
    """Of a period that is not over a key has no number to compare."""
    with pytest.raises(DeclarationError, match="n_key_z_this_month_by_firm: a snapshot takes"):
        KeyZ(FIRM, period="month")


LEAKS: Final[list[tuple[Expression, str]]] = [
    (Own("returned_minor"), "'returned_minor'"),
    (RobustZ("returned_minor", (FIRM,)), "'returned_minor'"),
    (PeerRank("returned_minor", (FIRM,)), "'returned_minor'"),
    (NearDuplicates(FIRM, "answer"), "'answer'"),
    (Window(("verdict",), "count", days=30), "'verdict'"),
    (Window(("firm", "verdict"), "sum", "amount_minor", days=30), "'verdict'"),
    (Share(("firm", "verdict"), of=FIRM), "'verdict'"),
    (IsNew(("firm", "verdict"), of=FIRM), "'verdict'"),
    (Rarity(("firm", "verdict"), of=FIRM), "'verdict'"),
    (Since(("verdict",)), "'verdict'"),
    (RobustZ("amount_minor", (FIRM, ("verdict",))), "'verdict'"),
    (PeerRank("amount_minor", (("verdict",),)), "'verdict'"),
    (Excess(("verdict",), "amount_minor", "amount_minor"), "'verdict'"),
    (KeyZ(("verdict",)), "'verdict'"),
]


@pytest.mark.parametrize(("of", "column"), LEAKS, ids=[of.name for of, _ in LEAKS])
def test_what_is_known_later_of_the_event_itself_is_a_leak(of: Expression, column: str) -> None:
    """As its own number, in its key, as what its peers are: the error names the feature."""
    with pytest.raises(LeakError, match=f"{of.name} takes the event's own {column}.*known only la"):
        scenario(of)


def test_what_is_known_later_of_earlier_events_may_be_aggregated() -> None:
    """An earlier event's outcome is no leak from when it was learned.

    That no load says that it was learned with the event is held in `tests/unit/test_outcomes.py`.
    """
    lost = Where("lost", "verdict", ("lost",))
    declared = scenario(
        Window(FIRM, "sum", "returned_minor", days=30),
        Window(FIRM, "distinct", "verdict", days=30),
        Window(FIRM, "count", days=30, where=lost),
        KeyZ(FIRM, "returned_minor"),
        KeyZ(FIRM, over=lost),
        measures=(Measure("last_verdict", "previous", key=FIRM, field="verdict"),),
    )

    assert len(declared.features) == 5


@pytest.mark.parametrize(
    "measure",
    [
        Measure("m", "between", field="closed_at"),
        Measure("m", "present", field="returned_minor"),
        Measure("m", "ratio_ppm", field="returned_minor", other="amount_minor"),
        Measure("m", "quotient", field="amount_minor", other="returned_minor"),
        Measure("m", "change_ppm", key=FIRM, field="returned_minor"),
        Measure("m", "elapsed", key=("verdict",)),
        Measure("m", "previous", key=("verdict",), field="officer"),
    ],
    ids=lambda measure: measure.how,
)
def test_a_measure_of_what_is_known_later_is_a_leak(measure: Measure) -> None:
    """Measures are of the event itself."""
    with pytest.raises(LeakError, match=r"small: m takes the event's own '.*known only later"):
        scenario(measures=(measure,))


@pytest.mark.parametrize(
    ("changes", "offender"),
    [
        ({"subject": "verdict"}, "the subject"),
        ({"peer_group": "verdict"}, "the peer group"),
        ({"amount": "returned_minor"}, "the amount"),
        ({"rules": (Rule("r", "规", "r", "law", (), (("verdict", ("lost",)),)),)}, "r"),
    ],
    ids=["subject", "peer group", "amount", "rule"],
)
def test_what_an_event_is_called_by_is_known_with_it(
    changes: dict[str, Any], offender: str
) -> None:
    """Subject, peer group, amount, and the events that a rule is for."""
    with pytest.raises(LeakError, match=f"small: {offender} takes the event's own"):
        scenario(**changes)
