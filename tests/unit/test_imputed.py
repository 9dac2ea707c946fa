"""A declared value that stands in for a missing one, and says that it does."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from features import frames
from features.batch import build
from features.calendar import Calendar
from features.contracts.errors import DeclarationError, InputError
from features.contracts.events import Event, from_us
from features.contracts.tables import check_features
from features.contracts.vectors import STATUS_CODES
from features.contracts.verdicts import Status
from features.finalise import impute
from features.live.engine import LiveEngine
from features.scenarios import catalog
from features.spec import Feature, Own, Rule, Scenario, Since, Window
from features.store.ledger import Ledger

DAY_US = 86_400_000_000
OK, NOT_APPLICABLE, INSUFFICIENT, ERROR, IMPUTED = range(5)
EVENTS = pl.DataFrame(
    {
        "effective_at": [DAY_US, 2 * DAY_US, 3 * DAY_US],
        "enterprise": ["E-1", "E-1", None],
        "kind": ["payout_paid"] * 3,
        "amount_minor": [1, 2, 3],
    }
)
MEAN = Window(("enterprise",), "mean", "amount_minor", days=30)


def _scenario(*features: Feature) -> Scenario:
    shipped = catalog.load("payouts")
    return replace(shipped, features=features, rules=(), patterns=(), sources=())


def _feature(of: Window | Since | Own, fill: float | None) -> Feature:
    return Feature(of, "特征", "a feature", "缘由", "a reason", fill=fill)


def test_what_is_missing_is_filled_and_what_is_known_is_not() -> None:
    """Too little history and a missing key are filled; a computed value stays."""
    table = frames.compute(EVENTS, _scenario(_feature(MEAN, -1.0)), with_status=True)

    assert table[MEAN.name].to_list() == [-1.0, 1.0, -1.0]
    assert table[f"{MEAN.name}.status"].to_list() == [IMPUTED, OK, IMPUTED]


def test_without_a_fill_it_stays_missing() -> None:
    """None is the default, and null is not zero."""
    table = frames.compute(EVENTS, _scenario(_feature(MEAN, None)), with_status=True)

    assert np.isnan(table[MEAN.name].to_numpy()).tolist() == [True, False, True]
    assert table[f"{MEAN.name}.status"].to_list() == [INSUFFICIENT, OK, NOT_APPLICABLE]


def test_a_row_of_features_takes_each_its_own_fill() -> None:
    """The live form: one fill a feature, NaN where nothing stands in; an error stays an error."""
    values = np.full(5, np.nan)
    values[0] = 7.0
    status = np.array([OK, NOT_APPLICABLE, INSUFFICIENT, ERROR, INSUFFICIENT], np.int8)
    impute(np.array([1.0, 2.0, 3.0, 4.0, np.nan]), values, status)

    assert values[:3].tolist() == [7.0, 2.0, 3.0]
    assert np.isnan(values[3:]).all()
    assert status.tolist() == [OK, IMPUTED, IMPUTED, ERROR, INSUFFICIENT]
    assert STATUS_CODES[IMPUTED] is Status.IMPUTED


def test_live_fills_what_batch_fills() -> None:
    """The same bits and statuses, each feature its own fill."""
    scenario = _scenario(
        _feature(MEAN, -1.0), _feature(Since(("enterprise",)), None), _feature(Own("employees"), 2)
    )
    ledger = Ledger.in_memory()
    for row in EVENTS.iter_rows(named=True):
        fields = {"enterprise": row["enterprise"], "amount_minor": row["amount_minor"]}
        event = Event(
            scenario="payouts",
            kind=row["kind"],
            event_id=str(row["amount_minor"]),
            effective_at=from_us(row["effective_at"]),
            fields=fields,
        )
        ledger.admit([event])
    table, engine = build(ledger, scenario), LiveEngine(ledger, scenario)
    for at, stored in enumerate(ledger.at([1, 2, 3])):
        vector = engine.vector(stored.event, stored=stored)
        assert vector.values.tobytes() == table.values[at].tobytes()
        assert [STATUS_CODES.index(cell.status) for cell in vector.cells] == [*table.status[at]]
    assert table.status[0].tolist() == [IMPUTED, INSUFFICIENT, IMPUTED]


def test_a_fill_is_part_of_the_version() -> None:
    """Another fill, another spec hash."""
    fills = (None, 0.0, 1.0)
    hashes = {_scenario(_feature(MEAN, fill)).spec_hash(Calendar.prc()) for fill in fills}

    assert len(hashes) == len(fills)


@pytest.mark.parametrize("fill", [math.nan, math.inf])
def test_no_number_cannot_stand_in(fill: float) -> None:
    """The feature is named."""
    with pytest.raises(DeclarationError, match=f"{MEAN.name}: .* cannot stand in"):
        _feature(MEAN, fill)


def test_a_fixed_rule_does_not_ask_what_may_be_imputed() -> None:
    """A rule would hit, or be clear, on a number that nobody observed."""
    rule = Rule("many", "多", "many", "internal", ((MEAN.name, ">=", 1.0),))
    with pytest.raises(DeclarationError, match=f"rule many asks {MEAN.name}"):
        replace(_scenario(_feature(MEAN, 0.0)), rules=(rule,))


def test_a_table_holds_every_imputed_value(make_table) -> None:
    """An imputed cell without its value breaks the schema."""
    frame = frames.to_polars(make_table(6))
    imputed = pl.lit(IMPUTED, pl.Int8).alias("f0.status")
    filled = frame.with_columns(imputed, pl.lit(0.0).alias("f0"))

    assert check_features(filled) is filled
    with pytest.raises(InputError, match="f0 there when ok or imputed"):
        check_features(frame.with_columns(imputed, pl.lit(None, pl.Float64).alias("f0")))
