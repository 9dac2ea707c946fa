"""The fixed rules as a yardstick: of what they should hit, how much they do."""

from training.evaluation import Rate
from training.screening import Overlap, Screening, UnitRecall
from training.yardstick import Yardstick

NOTHING = Rate.of(0, 0)


def recall(typology: str, severity: str, *, n_seen: int, seen_hit: int) -> UnitRecall:
    """Ten units, each a case of its own, four of which a rule hits."""
    return UnitRecall(typology=typology, severity=severity, n_units=10, n_cases=10, model=0,
                      rules=0, split=0, rule_hits=4, n_seen=n_seen, seen_hit=seen_hit)  # fmt: skip


def test_only_blatant_cases_that_rules_should_hit_count() -> None:
    """Four of five, and three of three; a kind that no rule sees and a milder case do not count."""
    screening = Screening(
        scenario="payouts", unit="payout", model="", n_rows=0, n_fitted=0, n_units=1_000,
        budget=0.01, n_reviews=10,
        overlap=Overlap(both=NOTHING, model_only=NOTHING, rules_only=NOTHING,
                        rules_hit=Rate.of(6, 100)),
        recalls=(recall("T15", "blatant", n_seen=5, seen_hit=4),
                 recall("T16", "blatant", n_seen=0, seen_hit=0),
                 recall("T17", "blatant", n_seen=3, seen_hit=3),
                 recall("T17", "moderate", n_seen=9, seen_hit=0)),
    )  # fmt: skip

    yardstick = Yardstick.of(screening)

    assert (yardstick.blatant.hits, yardstick.blatant.n) == (7, 8)
    assert (yardstick.units.hits, yardstick.units.n) == (8, 20)
    assert yardstick.precision.rate == 0.06
    assert yardstick.missed == ("T15",)
