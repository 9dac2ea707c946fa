"""What small contracts are told by: the shares of a buyer's suppliers, and one need in parts."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from features.batch import build
from features.contracts.events import Event
from features.contracts.vectors import Vector
from features.scenarios import catalog
from features.store.ledger import Ledger
from features.table import FeatureTable

FIRST = datetime(2026, 3, 2, 1, tzinfo=UTC)
SHARES = ("amount_minor_supplier_group_share_365d_by_buyer", "supplier_group_share_365d_by_buyer")


def awards(n: int) -> FeatureTable:
    """Features of `n` contracts that one buyer awards to one supplier, a day apart."""
    ledger = Ledger.in_memory()
    fields: dict[str, int | str | None] = {
        "buyer": "B",
        "supplier": "S",
        "supplier_group": "G",
        "category": "road",
        "work_class": "works",
        "method": "inquiry",
        "amount_minor": 1_000_000,
    }
    ledger.admit(
        [
            Event(scenario="small_works", kind="contract_awarded", event_id=f"C-{number}",
                  effective_at=FIRST + timedelta(days=number), fields=fields)
            for number in range(n)
        ]
    )  # fmt: skip
    return build(ledger, catalog.load("small_works"))


def column(table: FeatureTable, name: str) -> Vector:
    """One feature of the awards, in their order."""
    return np.asarray(table.values[:, table.names.index(name)])


@pytest.mark.parametrize("name", SHARES)
def test_a_supplier_has_a_share_of_six_contracts_and_none_of_five(name: str) -> None:
    """Of a few contracts one large one is most of the money, whoever has it."""
    told = column(awards(8), name)

    assert np.isnan(told[:6]).all()
    assert told[6:].tolist() == [1.0, 1.0]


def test_one_large_contract_is_not_one_need_in_parts() -> None:
    """No part of the pattern but the matter's own total counts the contract itself."""
    pattern = {each.name: each for each in catalog.load("small_works").patterns}[
        "one_need_in_parts"
    ]
    alone = awards(1)

    lifted = [name for name, _ in pattern.parts if column(alone, name)[0] > 0]
    assert lifted == ["limit_ppm_total_this_year_by_buyer_category"]
