"""Reasons are sorted, honest about what they compare, and accuse nobody."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.errors import IncompatibleBundleError
from features.contracts.vectors import Cell, FeatureInfo, FeatureVector
from features.contracts.verdicts import Peers, Status
from models import Bundle, Calibration, Facts, TrainingWindow, Typical, reasons
from models.explain import by_family
from models.fitting.ensemble import fit_ensemble
from models.phrase import Comparison, sentence_en, sentence_zh

NAMES = ("amount_minor", "n_30d", "officer_share_365d", "is_new_account_1095d", "gap_days")
UNITS = (("money", ""), ("events", "次"), ("share", ""), ("flag", ""), ("days", "天"))
TITLES = (
    ("金额", "amount"),
    ("近30日次数", "events in 30 days"),
    ("经办人占比", "officer's share"),
    ("新账户", "new account"),
    ("间隔", "gap"),
)


def _info(j: int) -> FeatureInfo:
    fields = dict.fromkeys(FeatureInfo.model_fields, "text")
    unit, unit_zh = UNITS[j]
    zh, en = TITLES[j]
    named = {"name": NAMES[j], "unit": unit, "unit_zh": unit_zh, "title_zh": zh, "title_en": en}
    return FeatureInfo.model_validate({**fields, **named, "window_days": 30})


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """Ordinary payouts: about 60,000 yuan, few events, small shares."""
    rng = np.random.default_rng(0)
    n = 400
    x = np.column_stack([
        np.round(6_000_000 * np.exp(0.3 * rng.normal(size=n))), rng.poisson(2, n),
        rng.uniform(0, 0.4, n), np.zeros(n), rng.normal(20, 3, n),
    ])  # fmt: skip
    ensemble = fit_ensemble(x, NAMES, seed=0)
    facts = Facts(
        scenario="payouts", spec_hash="a" * 64, kernel_version="1",
        features=tuple(_info(j) for j in range(len(NAMES))), alert_budget=0.05,
        training=TrainingWindow(start="2024-01-01", end="2025-01-01"), rows=n,
        data_sha256="b" * 64, currency="CNY", libraries={}, created_at="2025-02-01",
    )  # fmt: skip
    return Bundle.build(
        facts,
        ensemble=ensemble,
        calibration=Calibration.fit(ensemble.score(x)),
        typical=Typical.fit(x, ["P12"] * 143 + ["P13"] * (n - 143)),
        golden=x[:3],
    )


def _vector(values: Sequence[float], group: str = "P12", **cells: Cell) -> FeatureVector:
    made = [
        Cell(value, Status.INSUFFICIENT if math.isnan(value) else Status.OK) for value in values
    ]
    made = [cells.get(name, cell) for name, cell in zip(NAMES, made, strict=True)]
    return FeatureVector("payouts", "a" * 64, "1", 7, NAMES, tuple(made), group)


_ODD = (120_000_000.0, 2.0, 0.2, 0.0, 20.0)


def test_planted_amount_is_the_first_reason(bundle: Bundle) -> None:
    """Twenty times the usual amount comes first, in units of money, against its peers."""
    first, *_ = reasons(bundle, _vector(_ODD))

    assert first.feature == "amount_minor"
    assert (first.unit, first.actual, first.direction) == ("CNY", 1_200_000.0, "high")
    assert first.peers == Peers(key="P12", level=0, n=143)
    assert first.typical is not None
    rising = [first.lo or 0.0, first.typical, first.hi or 0.0, first.actual or 0.0]
    assert rising == sorted(set(rising))
    typical = f"CNY {first.typical:,.2f}"
    assert first.statement_zh.startswith(
        f"金额为CNY 1,200,000.00，高于143个同类（P12）的常见水平{typical}（常见范围CNY "
    )
    assert first.statement_en.startswith(
        f"Amount: CNY 1,200,000.00, above the usual {typical} of its 143 peers (P12) (ordinary"
    )


def test_reasons_fall_and_share_counts_all_positive_parts(bundle: Bundle) -> None:
    """Contributions fall, are positive, and shares are of everything that added to the score."""
    vector = _vector((120_000_000.0, 40.0, 0.99, 1.0, 90.0))
    found = reasons(bundle, vector, top=3)
    parts = bundle.explain_row(vector.values)[1]
    whole = parts[parts > 0].sum()

    assert len(found) == 3
    assert [r.contribution for r in found] == sorted(parts[parts > 0], reverse=True)[:3]
    assert [r.share for r in found] == pytest.approx([r.contribution / whole for r in found])


def test_what_is_not_known_is_no_reason(bundle: Bundle) -> None:
    """A cell without status ok is never shown, however it is filled in."""
    doubtful = Cell(120_000_000.0, Status.IMPUTED)
    for vector in (_vector(_ODD, amount_minor=doubtful), _vector((math.nan, *_ODD[1:]))):
        assert "amount_minor" not in {reason.feature for reason in reasons(bundle, vector)}


def test_a_cells_own_comparison_wins(bundle: Bundle) -> None:
    """A feature that compares with peers itself is told in its own terms."""
    peers = Peers(key="authority=A1", level=1, n=55)
    own = Cell(120_000_000.0, Status.OK, 900.0, 400.0, 100.0, 700.0, peers)
    first, *_ = reasons(bundle, _vector(_ODD, amount_minor=own), currency="GBP")
    assert (first.actual, first.typical, first.lo, first.hi) == (9.0, 4.0, 1.0, 7.0)
    assert (first.peers, first.unit) == (peers, "GBP")
    assert "GBP 9.00" in first.statement_en


def test_unknown_group_is_compared_with_everyone(bundle: Bundle) -> None:
    """A group never seen in training falls back to all rows, and the sentence says so."""
    first, *_ = reasons(bundle, _vector(_ODD, group="P99"))
    assert first.peers == Peers(key="*", level=1, n=400)
    assert "全部400个事项" in first.statement_zh
    assert "all 400 events" in first.statement_en


def test_another_spec_is_refused(bundle: Bundle) -> None:
    """A vector of other features cannot be explained by this bundle."""
    vector = _vector(_ODD)
    other = FeatureVector("payouts", "c" * 64, "1", 7, NAMES[::-1], vector.cells, "P12")
    with pytest.raises(IncompatibleBundleError, match="spec cccccccccccc"):
        reasons(bundle, other)


MIXED_ZH = "，单看并不少见，与其他指标的组合少见。"
SENTENCES = {
    (1, Comparison(12.0, 2.0, 0.0, 5.0, None)): (
        "近30日次数为12次，高于同类的常见水平2次（常见范围0次至5次）。",
        (
            "Events in 30 days: 12 events, above the usual 2 events of its peers (ordinary range 0 "
            "events to 5 events)."
        ),
    ),
    (2, Comparison(0.01, 0.2, 0.05, 0.4, None)): (
        "经办人占比为1.0%，低于同类的常见水平20.0%（常见范围5.0%至40.0%）。",
        "Officer's share: 1.0%, below the usual 20.0% of its peers (ordinary range 5.0% to 40.0%).",
    ),
    (3, Comparison(1.0, 0.0, 0.0, 0.0, None)): (
        "新账户为是，同类通常为否。",
        "New account: yes, where the usual of its peers is no.",
    ),
    (4, Comparison(20.5, 20.5, 18.0, 23.0, None)): (
        "间隔为20.50天，与同类的常见水平相同（常见范围18天至23天）" + MIXED_ZH,
        (
            "Gap: 20.50 days, the same as the usual 20.50 days of its peers (ordinary range 18 "
            "days to 23 days); usual by itself, rare in combination with others."
        ),
    ),
    (4, Comparison(3.0, None, None, None, None)): (
        "间隔为3天，暂无同类常见水平可比，与其他指标的组合少见。",
        "Gap: 3 days; no usual level of peers is known, the combination with others is rare.",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_sentences_read_well(case: tuple[int, Comparison]) -> None:
    """Each unit, side and gap in knowledge has its wording."""
    j, compared = case
    zh, en = SENTENCES[case]
    assert sentence_zh(_info(j), compared, "CNY") == zh
    assert sentence_en(_info(j), compared, "CNY") == en


def test_no_statement_accuses(bundle: Bundle) -> None:
    """Words of guilt never occur."""
    found = reasons(bundle, _vector((120_000_000.0, 40.0, 0.99, 1.0, 90.0)), top=99)
    text = " ".join(reason.statement_zh + reason.statement_en for reason in found).lower()
    for word in ("违规", "违法", "舞弊", "腐败", "欺诈", "fraud", "violation", "guilt", "suspicio"):
        assert word not in text


def test_families_add_up_to_the_score(bundle: Bundle) -> None:
    """Every contribution is in one family, and base and families are the score."""
    infos = tuple(
        info.model_copy(update={"family": family})
        for info, family in zip(
            bundle.manifest.features, ("amount", "pace", "pace", "", "pace"), strict=True
        )
    )
    manifest = bundle.manifest.model_copy(update={"features": infos})
    grouped = replace(bundle, manifest=manifest)
    vector = _vector((120_000_000.0, 40.0, 0.99, 1.0, 90.0))
    base, parts = bundle.explain_row(vector.values)
    found = {part.family: part for part in by_family(grouped, vector)}

    assert set(found) == {"amount", "pace", "is_new_account_1095d"}
    assert found["amount"].contribution == parts[0]
    assert found["pace"].contribution == math.fsum(parts[[1, 2, 4]])
    total = base + math.fsum(part.contribution for part in found.values())
    assert total == pytest.approx(bundle.score_row(vector.values), rel=1e-9)
    assert sum(part.share for part in found.values()) == pytest.approx(1.0)


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[st.floats(0, 1e9) for _ in NAMES]))
def test_families_add_up_whatever_the_event(bundle: Bundle, values: tuple[float, ...]) -> None:
    """Grouping loses and invents nothing, families that take from the score included."""
    parts = bundle.explain_row(np.array(values))[1]
    found = by_family(bundle, _vector(values))
    scale = float(np.abs(parts).sum())
    assert math.fsum(part.contribution for part in found) == pytest.approx(
        math.fsum(parts), rel=1e-12, abs=1e-12 * scale
    )
    assert [part.contribution for part in found] == sorted(
        (part.contribution for part in found), reverse=True
    )


@pytest.mark.parametrize(
    ("compared", "direction", "sense"),
    [
        (Comparison(9.0, 2.0, 0.0, 5.0, None), "high", "too_high"),
        (Comparison(-1.0, 2.0, 0.0, 5.0, None), "low", "too_low"),
        (Comparison(5.0, 2.0, 0.0, 5.0, None), "high", "combination"),
        (Comparison(2.0, 2.0, 0.0, 5.0, None), "none", "combination"),
        (Comparison(2.0, 2.0, 2.0, 2.0, None), "none", "combination"),
        (Comparison(3.0, 2.0, 2.0, 2.0, None), "high", "too_high"),
        (Comparison(3.0, 2.0, None, None, None), "high", "too_high"),
        (Comparison(2.0, 2.0, None, None, None), "none", "combination"),
        (Comparison(2.0, None, None, None, None), "none", "combination"),
        (Comparison(None, 2.0, 0.0, 5.0, None), "none", "combination"),
    ],
)
def test_direction_and_sense_hold_at_ties_and_gaps(
    compared: Comparison, direction: str, sense: str
) -> None:
    """Ends of the range are ordinary; without a typical value only the combination is unusual."""
    assert (compared.direction, compared.sense) == (direction, sense)


def test_a_usual_flag_says_that_the_combination_is_rare() -> None:
    """A flag that is what it usually is was not unusual by itself."""
    usual = Comparison(0.0, 0.0, 0.0, 0.0, None)
    assert sentence_zh(_info(3), usual, "CNY") == "新账户为否，同类通常为否" + MIXED_ZH
    assert sentence_en(_info(3), usual, "CNY").endswith(
        "usual by itself, rare in combination with others."
    )


def test_leading_features_move_the_score_most(bundle: Bundle) -> None:
    """They are used by the model, distinct, and a constant one is not among the first."""
    leading = bundle.leading
    assert len(set(leading)) == len(leading) <= len(NAMES)
    assert set(leading) <= set(bundle.columns)
