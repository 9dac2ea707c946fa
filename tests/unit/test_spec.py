"""Declarations: what cannot be is refused by name; names and the version follow from the rest."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, Final, cast

import pytest

from features.calendar import Calendar
from features.contracts.errors import DeclarationError, UnknownFeatureError
from features.spec import (
    Excess,
    Expression,
    Feature,
    IsNew,
    KeyZ,
    Measure,
    NearDuplicates,
    Own,
    Rarity,
    RobustZ,
    Rule,
    SetRarity,
    Share,
    Since,
    Source,
    Where,
    Window,
)
from tests.unit.small import FIRM, PAIR, feature, field, scenario

PLAIN: Final = Calendar.plain("Asia/Shanghai")


CHANGED: Final = Where("changed", "sector", ("change",))
ENDED: Final = Where("ended", "kind", ("paid", "cancelled"))


@pytest.mark.parametrize(
    ("where", "over"),
    [
        (None, Where("cancelled", "kind", ("cancelled",))),
        (CHANGED, Where("built", "sector", ("build",))),
        (ENDED, CHANGED),
        (ENDED, Where("asked", "kind", ("asked",))),
    ],
)
def test_a_share_is_of_what_is_counted(where: Where | None, over: Where) -> None:
    """What is over is a part of what is counted, so no share exceeds one."""
    with pytest.raises(DeclarationError, match=f"{over.label}_key_z_90d.*over must be a part"):
        KeyZ(FIRM, where=where, over=over)


def test_a_share_may_be_of_a_field_or_of_kinds_that_are_counted() -> None:
    """Both are parts."""
    assert KeyZ(FIRM, over=CHANGED).name == "changed_key_z_90d_by_firm"
    assert KeyZ(FIRM, where=ENDED, over=Where("cancelled", "kind", ("cancelled",))).name


NO_KIND: Final = Where("gone", "kind", ("paid", "nosuch"))
PAID: Final = Where("paid", "kind", ("paid",))
REPAIRS: Final = Source("repairs", ("fixed",), (field("firm", "key"), field("cost", "money")))


@pytest.mark.parametrize(
    ("of", "offender"),
    [
        (Window(FIRM, "count", source="permits"), "looks at 'permits'"),
        (Window(PAIR, "count", source="repairs"), "joins repairs by 'officer'"),
        (Window(FIRM, "sum", "amount_minor", source="repairs"), "is made of 'amount_minor'"),
        (Window(FIRM, "count", source="repairs", where=CHANGED), "asks for 'sector'"),
        (RobustZ("amount_minor", (FIRM,), source="repairs"), "is made of 'amount_minor'"),
        (RobustZ("cost", (FIRM,), source="repairs"), "shows 'cost'"),
    ],
)
def test_a_source_is_looked_at_by_what_it_holds(of: Expression, offender: str) -> None:
    """Its keys, fields and conditions are its own; what is compared is in both."""
    with pytest.raises(DeclarationError, match=f"{of.name} {offender}"):
        scenario(of, sources=(REPAIRS,))


DROPPED: Final = Where("dropped", "kind", ("fixed", "dropped"))


@pytest.mark.parametrize(
    ("declare", "name"),
    [
        (lambda: scenario(Window(FIRM, "count", days=7, where=NO_KIND)), "n_gone_7d_by_firm"),
        (lambda: scenario(KeyZ(FIRM, days=7, where=NO_KIND)), "gone_key_z_7d_by_firm|gone.*"),
        (
            lambda: scenario(measures=(Measure("m", "elapsed", key=FIRM, where=NO_KIND),)),
            "m",
        ),
        (
            lambda: scenario(
                measures=(Measure("m", "present", field="amount_minor", where=NO_KIND),)
            ),
            "m",
        ),
        (
            lambda: scenario(
                Window(FIRM, "count", source="repairs", where=PAID), sources=(REPAIRS,)
            ),
            "n_repairs_paid_365d_by_firm",
        ),
        (
            lambda: scenario(
                Window(FIRM, "count", source="repairs", where=DROPPED), sources=(REPAIRS,)
            ),
            "n_repairs_dropped_365d_by_firm",
        ),
    ],
    ids=["window", "snapshot", "look back", "own", "of the scenario", "of nobody"],
)
def test_a_condition_asks_for_kinds_that_are_declared(
    declare: Callable[[], object], name: str
) -> None:
    """Of the scenario for its own events, of the source for that one's."""
    with pytest.raises(
        DeclarationError, match=f"{name} asks for the kind '.*', which is none of .*; correct it"
    ):
        declare()


def test_a_sources_kind_may_count_where_it_is_asked_for_alone() -> None:
    """A kind that is on demand is no kind that counts by default."""
    of = Window(FIRM, "count", source="repairs", where=DROPPED)
    declared = scenario(of, sources=(replace(REPAIRS, on_demand=("dropped",)),))

    assert declared.source("repairs").kinds == ("fixed",)


def test_a_scenario_is_no_source_of_its_own() -> None:
    """There an event would find itself."""
    with pytest.raises(DeclarationError, match="small is no source of its own"):
        scenario(sources=(replace(REPAIRS, scenario="small"),))


REFUSED: Final[list[tuple[Expression, str]]] = [
    (Window(("nobody",), "count"), "'nobody'"),
    (Window(FIRM, "sum", "ammount"), "'ammount'"),
    (Window(FIRM, "count", where=Where("w", "stage", ("x",))), "'stage'"),
    (Window(("amount_minor",), "count"), "'amount_minor'"),
    (Window(FIRM, "count", where=Where("w", "amount_minor", ("1",))), "'amount_minor'"),
    (Window(FIRM, "sum", "officer"), "'officer'"),
    (Window(FIRM, "sum", "opened_at"), "'opened_at'"),
    (Window(FIRM, "distinct", "amount_minor"), "'amount_minor'"),
    (RobustZ("sector", (FIRM,)), "'sector'"),
    (RobustZ("opened_at", (FIRM,)), "'opened_at'"),
    (Own("ammount"), "'ammount'"),
    (Own("sector"), "'sector'"),
    (Own("purpose"), "'purpose'"),
    (Window(FIRM, "sum", "purpose"), "'purpose'"),
    (NearDuplicates(FIRM, "amount_minor"), "'amount_minor'"),
    (Excess(FIRM, "sector", "amount_minor"), "'sector'"),
    (Window((), "count"), "has no key"),
    (KeyZ(("nobody",)), "'nobody'"),
    (KeyZ(FIRM, "sector"), "'sector'"),
]


@pytest.mark.parametrize(("of", "offender"), REFUSED, ids=[f"{of.name}" for of, _ in REFUSED])
def test_a_column_that_cannot_serve_is_refused_with_the_features_name(
    of: Expression, offender: str
) -> None:
    """An undeclared column, a number as key, a code as number: the feature and the column."""
    with pytest.raises(DeclarationError, match=f"{of.name}.*{offender}"):
        scenario(of)


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Share(("firm", "officer"), of=("sector",)),
        lambda: Share(("firm",), of=("firm",)),
        lambda: Rarity(("firm", "officer"), of=("sector",)),
        lambda: Rarity(("firm",), of=("firm",)),
    ],
)
def test_a_part_must_have_a_whole(declare: Callable[[], object]) -> None:
    """A share or rarity whose `of` is no proper part of its key is refused by name."""
    with pytest.raises(DeclarationError, match=r"(share|rarity)_\d+d_by_.* is not a part of"):
        declare()


@pytest.mark.parametrize(
    ("declare", "fault"),
    [
        (lambda: Window(FIRM, "count", days=cast(Any, 30.5)), "n_30.5d_by_firm: 30.5 days is no"),
        (lambda: Window(FIRM, "count", days=cast(Any, 30.0)), "n_30.0d_by_firm: 30.0 days is no"),
        (lambda: Window(FIRM, "count", days=True), "n_Trued_by_firm: True days is no whole number"),
        (lambda: Since(FIRM, minutes=cast(Any, 99.5)), "99.5min_by_firm: 99.5 minutes is no whole"),
        (lambda: Measure("m", "elapsed", key=FIRM, days=True), "m: True days is no whole number"),
    ],
)
def test_a_window_has_a_whole_length(declare: Callable[[], object], fault: str) -> None:
    """A half day, a float and a truth value are no number of days."""
    with pytest.raises(DeclarationError, match=f"{fault}.*state an integer"):
        declare()


@pytest.mark.parametrize(
    ("declare", "fault"),
    [
        (lambda: Since(FIRM, which=cast(Any, "middle")), "days_since.*: no end 'middle'; .* last"),
        (
            lambda: SetRarity(FIRM, "steps", cast(Any, "around")),
            "around_rarity.*: no side 'around'; choose one of lacking, exceeding",
        ),
    ],
)
def test_an_end_or_a_side_is_one_of_two(declare: Callable[[], object], fault: str) -> None:
    """Another word is refused with the feature's name and the two that there are."""
    with pytest.raises(DeclarationError, match=fault):
        declare()


@pytest.mark.parametrize("least", [-1, 0, 2.5, True])
@pytest.mark.parametrize(
    "declare",
    [
        lambda least: Share(PAIR, of=FIRM, min_n=least),
        lambda least: IsNew(PAIR, of=FIRM, min_n=least),
        lambda least: Rarity(PAIR, of=FIRM, min_n=least),
        lambda least: Excess(FIRM, "observed", "expected", min_n=least),
        lambda least: SetRarity(FIRM, "steps", "lacking", min_n=least),
        lambda least: KeyZ(FIRM, min_n=least),
    ],
    ids=["share", "is_new", "rarity", "excess", "set_rarity", "key_z"],
)
def test_the_least_number_of_events_is_one_or_more(
    declare: Callable[[Any], object], least: float
) -> None:
    """Fewer than none, and parts of an event, are nothing to wait for."""
    with pytest.raises(DeclarationError, match=rf"\w+: min_n is {least}; state .* from 1 on"):
        declare(least)


def test_count_takes_no_value_and_the_others_need_one() -> None:
    """A count of something and a sum of nothing are both refused."""
    with pytest.raises(DeclarationError, match="n_30d_by_firm: count takes no value"):
        Window(FIRM, "count", "amount_minor", days=30)
    with pytest.raises(DeclarationError, match="sum_30d_by_firm: count takes no value, sum takes"):
        Window(FIRM, "sum", days=30)


def test_a_comparison_needs_peers() -> None:
    """A robust z without peers is refused with the name of what it compares."""
    with pytest.raises(DeclarationError, match=r"amount_minor_robust_z_1095d_by_.*: no peers"):
        RobustZ("amount_minor", ())


def test_a_name_stands_for_one_thing() -> None:
    """Two features of one name, or a measure named like a field, are refused."""
    with pytest.raises(DeclarationError, match="feature 'n_365d_by_firm' is declared twice"):
        scenario(Window(FIRM, "count"), Window(FIRM, "count"))
    with pytest.raises(DeclarationError, match="'officer' is declared twice"):
        scenario(measures=(Measure("officer", "hour"),))


@pytest.mark.parametrize(
    ("measure", "offender"),
    [
        (Measure("m", "elapsed", key=("nobody",)), "'nobody'"),
        (Measure("m", "elapsed", key=("amount_minor",)), "'amount_minor'"),
        (Measure("m", "elapsed", key=("later",)), "'later'"),
        (Measure("m", "elapsed"), "no key"),
        (Measure("m", "between", field="opened"), "'opened'"),
        (Measure("m", "ratio_ppm", field="amount_minor", other="cap"), "'cap'"),
        (Measure("m", "previous", key=FIRM, field="amount_minor"), "'amount_minor'"),
        (Measure("m", "change_ppm", key=FIRM, field="officer"), "'officer'"),
        (Measure("m", "between", field="amount_minor"), "'amount_minor'"),
        (Measure("m", "ratio_ppm", field="opened_at", other="amount_minor"), "'opened_at'"),
        (Measure("m", "quotient", field="amount_minor", other="opened_at"), "'opened_at'"),
        (Measure("m", "ratio_ppm", field="amount_minor", other="purpose"), "'purpose'"),
        (Measure("m", "change_ppm", key=FIRM, field="purpose"), "'purpose'"),
        (Measure("m", "difference", field="amount_minor", other="opened_at"), "'opened_at'"),
        (Measure("m", "difference", field="amount_minor"), "''"),
        (Measure("m", "within", field="purpose", low=1), "'purpose'"),
        (Measure("m", "between", field="opened_at", other="amount_minor"), "'amount_minor'"),
    ],
)
def test_a_measure_of_what_is_not_there_is_refused(measure: Measure, offender: str) -> None:
    """A measure uses fields, and measures that are declared before it."""
    later = Measure("later", "previous", key=FIRM, field="officer")
    with pytest.raises(DeclarationError, match=f"small: m .*{offender}"):
        scenario(measures=(measure, later))


@pytest.mark.parametrize(
    ("changes", "offender"),
    [
        ({"scored": ("payed",)}, "'payed'"),
        ({"history": ("payed",)}, "'payed'"),
        ({"subject": "nobody"}, "'nobody'"),
        ({"amount": "sector"}, "'sector'"),
        ({"peer_group": "before"}, "'before'"),
    ],
)
def test_a_scenarios_own_words_must_exist(changes: dict[str, Any], offender: str) -> None:
    """Kinds that are scored or counted are kinds; subject, amount and peer group are fields."""
    with pytest.raises(DeclarationError, match=f"small: .*{offender}"):
        scenario(**changes)


def test_a_rule_over_an_unknown_feature_is_refused() -> None:
    """The message names the nearest feature."""
    rule = Rule("many", "多", "many", "internal", (("n_30d_by_frm", ">=", 3.0),))
    with pytest.raises(UnknownFeatureError, match="nearest: n_30d_by_firm"):
        scenario(Window(FIRM, "count", days=30), rules=(rule,))


def test_a_sensitive_feature_is_for_no_model_and_no_rule_by_default() -> None:
    """It is left out until it is let in, and never asked by a rule."""
    made = scenario(Window(FIRM, "count", days=30))
    shy = replace(made.features[0], sensitive=True)
    name = shy.name

    assert replace(made, features=(shy,)).left_out() == (name,)
    assert replace(made, features=(shy,)).left_out(sensitive=True) == ()
    taken = (name, "another")
    assert replace(made, features=(shy,)).barred(taken, sensitive=False) == (name,)
    assert replace(made, features=(shy,)).barred(taken, sensitive=True) == ()
    assert made.left_out() == ()
    rule = Rule("many", "多", "many", "internal", ((name, ">=", 3.0),))
    with pytest.raises(DeclarationError, match="which is sensitive"):
        replace(made, features=(shy,), rules=(rule,))


def test_only_a_previous_text_has_a_start_and_a_span_has_an_order() -> None:
    """What cannot be meant is refused where it is declared."""
    with pytest.raises(DeclarationError, match="only a previous text has a start"):
        Measure("idle", "elapsed", key=FIRM, start="(start)")
    with pytest.raises(DeclarationError, match="low 3 lies above high 1"):
        Measure("low", "within", field="amount_minor", low=3, high=1)


CANCELLED: Final = Where("cancelled", "kind", ("cancelled",))
NAMES: Final[list[tuple[Expression, str]]] = [
    (Own("amount_minor"), "amount_minor"),
    (Window(PAIR, "count", days=30), "n_30d_by_firm_officer"),
    (Window(FIRM, "count", days=30, where=CANCELLED), "n_cancelled_30d_by_firm"),
    (Window(FIRM, "sum", "amount_minor", days=90), "amount_minor_sum_90d_by_firm"),
    (Share(PAIR, of=FIRM, days=365), "officer_share_365d_by_firm"),
    (Share(PAIR, of=FIRM, value="amount_minor"), "amount_minor_officer_share_365d_by_firm"),
    (IsNew(PAIR, of=FIRM, days=365), "is_new_firm_officer_365d"),
    (Since(FIRM, days=365), "days_since_last_365d_by_firm"),
    (Since(FIRM, days=365, where=CANCELLED), "days_since_cancelled_365d_by_firm"),
    (RobustZ("amount_minor", (PAIR, FIRM)), "amount_minor_robust_z_1095d_by_firm_officer"),
    (Rarity(PAIR, of=FIRM), "officer_rarity_1095d_by_firm"),
]


@pytest.mark.parametrize(("of", "name"), NAMES, ids=[name for _, name in NAMES])
def test_a_name_is_derived_from_the_declaration(of: Expression, name: str) -> None:
    """Measure, aggregate, window and key are the name."""
    assert of.name == name
    assert feature(of).name == name
    assert feature(of).info.name == name
    assert scenario(of).feature(name).of is of


def test_the_version_changes_with_anything_that_decides_a_value() -> None:
    """Window, measure, field, kinds, calendar: each gives another hash, and all are different."""
    base = scenario(Window(FIRM, "count", days=30))
    others = [
        scenario(Window(FIRM, "count", days=31)),
        scenario(Window(PAIR, "count", days=30)),
        scenario(Window(FIRM, "count", days=30, where=CANCELLED)),
        scenario(Window(FIRM, "count", days=30), Own("amount_minor")),
        scenario(Since(FIRM, days=30)),
        replace(base, measures=(Measure("before", "previous", key=PAIR, field="officer"),)),
        replace(base, fields=(*base.fields, field("more", "number"))),
        replace(base, history=("paid", "cancelled")),
        replace(base, scored=("paid", "cancelled")),
        replace(base, peer_group="officer"),
        replace(base, name="other"),
    ]
    calendars = [Calendar.plain("Europe/London"), PLAIN.model_copy(update={"weekend": (4, 5)})]
    calendars.append(PLAIN.model_copy(update={"holidays": (date(2024, 2, 12),)}))
    hashes = [item.spec_hash(PLAIN) for item in (base, *others)]
    hashes += [base.spec_hash(calendar) for calendar in calendars]

    assert len(set(hashes)) == len(hashes)


def test_a_calendar_that_was_used_may_be_changed() -> None:
    """What it computed for itself does not stand in the way of a copy."""
    used = Calendar.plain("Asia/Shanghai")
    before = used.digest

    assert used.model_copy(update={"weekend": (4, 5)}).digest != before == used.digest


def test_the_version_does_not_change_with_texts() -> None:
    """What people read may be mended without a new model."""
    base = scenario(Window(FIRM, "count", days=30))
    told = Feature(
        Window(FIRM, "count", days=30), "别的", "else", "别", "else", unit="times", family="new"
    )
    fields = tuple(item.model_copy(update={"title_en": "new"}) for item in base.fields)
    mended = replace(base, zh="别的", en="else", features=(told,), fields=fields)

    assert mended.spec_hash(PLAIN) == base.spec_hash(PLAIN)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"how": "within"}, "low or high"),
        ({"how": "difference", "low": 3}, "nothing else"),
        ({"how": "within", "low": 3, "high": 2}, "low 3 lies above high 2"),
    ],
)
def test_bounds_belong_to_a_measure_of_bounds(options: dict[str, Any], fault: str) -> None:
    """A measure within bounds states one at least, in order; no other takes any."""
    with pytest.raises(DeclarationError, match=fault):
        Measure("m", field="amount_minor", other="amount_minor", **options)
