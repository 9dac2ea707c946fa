"""Stories of projects, and what the fixed rules of approvals answer about their last step."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from pydantic import SecretStr

from features.batch import build
from features.contracts.events import Event
from features.contracts.settings import Settings
from features.rules import ANSWERS
from features.scenarios import catalog
from features.sources.sketch import sketch
from features.store.ledger import Ledger

FIRST: Final = datetime(2020, 3, 2, 1, tzinfo=UTC)
YUAN: Final = 10**8
Step = tuple[int, str, dict[str, int | str]]
"""The day, the step, and what else it says."""


def answer(rule: str, *steps: Step, before: tuple[Step, ...] | None = None) -> str:
    """What a rule says of the last of some steps, of project P on parcel L unless they say so.

    The platform has told of another project's permit and works `before`, unless it says else.
    """
    ledger = Ledger.in_memory()
    ledger.admit(
        [
            Event(
                scenario="approvals",
                kind="approval_step",
                event_id=f"S{number}",
                effective_at=FIRST + timedelta(days=day),
                fields={"project": "P", "parcel": "L", "activity": activity, **more},
            )
            for number, (day, activity, more) in enumerate(
                (*(ELSEWHERE if before is None else before), *steps)
            )
        ]
    )
    return ANSWERS[int(build(ledger, catalog.load("approvals")).rules[rule][-1])]


def step(day: int, activity: str, **more: int | str) -> Step:
    """One step."""
    return day, activity, more


def named(title: str) -> int:
    """The sketch of a name, as the door takes it."""
    found = sketch(title, Settings(pseudonym_key=SecretStr("only-for-this-test")))
    assert found is not None
    return found


ELSEWHERE: Final = (
    step(-300, "permit_issued", project="E", parcel="M"),
    step(-299, "construction_started", project="E", parcel="M"),
)
FILED: Final = step(0, "filed", amount_minor=100 * YUAN)
APPROVED: Final = step(30, "approved", amount_minor=100 * YUAN)
NAME: Final = "长辉公司年产13万件高端阀门研发中心扩建项目"


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (step(700, "construction_started"), "clear"),
        (step(800, "construction_started"), "hit"),
        (step(800, "change_requested"), "hit"),
        (step(800, "payment"), "hit"),
        (step(700, "project_checked"), "clear"),
        (step(800, "project_checked"), "hit"),
        (step(800, "filed"), "not_applicable"),
    ],
)
def test_a_project_must_begin_within_two_years_of_its_approval(last: Step, said: str) -> None:
    """Whatever step comes next asks, whether works ever begin or not."""
    assert answer("approved_not_started", FILED, APPROVED, last) == said


def test_a_project_that_began_in_time_is_clear_for_ever() -> None:
    """Nor is anything known of one whose approval is not."""
    began, late = step(200, "construction_started"), step(900, "change_approved")

    assert answer("approved_not_started", FILED, APPROVED, began, late) == "clear"
    assert answer("approved_not_started", FILED, late) == "insufficient"


def test_an_extension_gives_one_year() -> None:
    """It clears the first rule, and the second asks when its year is over."""
    begun = FILED, APPROVED, step(700, "extension_approved")
    in_time, late = step(1000, "construction_started"), step(1200, "construction_started")

    assert answer("approved_not_started", *begun, late) == "clear"
    assert answer("extension_lapsed", *begun, in_time) == "clear"
    assert answer("extension_lapsed", *begun, late) == "hit"
    assert answer("extension_lapsed", FILED, APPROVED, late) == "clear"


def test_an_extension_before_the_approval_extends_nothing() -> None:
    """A project that is approved once more has two years again, and no more."""
    begun = FILED, APPROVED, step(700, "extension_approved"), step(720, "approved")

    assert answer("approved_not_started", *begun, step(1500, "payment")) == "hit"
    assert answer("extension_lapsed", *begun, step(1900, "payment")) == "clear"
    extended = *begun, step(1400, "extension_approved")
    assert answer("approved_not_started", *extended, step(1500, "payment")) == "clear"
    assert answer("extension_lapsed", *extended, step(1900, "payment")) == "hit"


def test_a_project_of_which_nothing_more_is_reported_is_asked_by_a_check() -> None:
    """After an extension too, in its year and beyond; once works began a check is clear."""
    extended = FILED, APPROVED, step(700, "extension_approved")
    in_time, late = step(1000, "project_checked"), step(1200, "project_checked")

    assert answer("extension_lapsed", *extended, in_time) == "clear"
    assert answer("extension_lapsed", *extended, late) == "hit"
    assert answer("approved_not_started", FILED, APPROVED, step(99, "payment"), late) == "clear"
    assert answer("approved_not_started", FILED, late) == "insufficient"


@pytest.mark.parametrize(("amount", "said"), [(110, "clear"), (111, "hit")])
def test_an_estimate_may_rise_by_a_tenth(amount: int, said: str) -> None:
    """What is approved is held against what was filed."""
    last = step(30, "approved", amount_minor=amount * YUAN)

    assert answer("estimate_overrun", FILED, last) == said
    assert answer("estimate_overrun", last) == "insufficient"
    assert answer("estimate_overrun", FILED, step(5, "accepted")) == "not_applicable"


def reported(day: int, yuan: int) -> Step:
    """A further report of the study, with the estimate that it gives."""
    return step(day, "feasibility_reported", amount_minor=yuan * YUAN)


def test_a_further_report_of_the_study_clears_one_rise() -> None:
    """The next rise is held against what was approved, and needs a report of its own."""
    approved = step(30, "approved", amount_minor=120 * YUAN)
    changed = step(90, "change_approved", amount_minor=140 * YUAN)

    assert answer("estimate_overrun", FILED, reported(20, 120), approved) == "clear"
    assert answer("estimate_overrun", FILED, reported(20, 120), approved, changed) == "hit"
    again = FILED, reported(20, 120), approved, reported(60, 140), changed
    assert answer("estimate_overrun", *again) == "clear"


@pytest.mark.parametrize(("amount", "said"), [(123, "clear"), (160, "hit")])
def test_a_report_clears_no_more_than_a_tenth_above_itself(amount: int, said: str) -> None:
    """Who reports 112 and has 160 approved has reported another project."""
    last = step(30, "approved", amount_minor=amount * YUAN)

    assert answer("estimate_overrun", FILED, reported(20, 112), last) == said


def test_each_change_may_rise_by_a_tenth_over_what_was_decided_before() -> None:
    """The law asks at each decision; a series of changes is for another rule, and for the model."""
    first = step(90, "change_approved", amount_minor=109 * YUAN)
    second = step(150, "change_approved", amount_minor=118 * YUAN)

    assert answer("estimate_overrun", FILED, APPROVED, first, second) == "clear"


@pytest.mark.parametrize(
    ("title", "said"),
    [
        (NAME, "hit"),
        (NAME.replace("13", "12"), "hit"),
        ("临川公司年产45万件电梯部件厂房提升项目", "clear"),
    ],
)
def test_a_second_filing_is_known_by_its_name_on_the_parcel(title: str, said: str) -> None:
    """Another name is another project, for the rule."""
    first = step(0, "filed", title=named(NAME))
    second = step(300, "filed", project="Q", title=named(title))

    assert answer("duplicate_filing", first, second) == said
    elsewhere = step(300, "filed", project="Q", parcel="M", title=named(title))
    assert answer("duplicate_filing", first, elsewhere) == "clear"


def test_a_filing_after_a_refusal_is_no_duplicate() -> None:
    """What was turned down is not alive; of a filing without a name too little is known."""
    first = step(0, "filed", title=named(NAME))
    again = step(90, "filed", project="Q", title=named(NAME))

    assert answer("duplicate_filing", first, step(40, "rejected"), again) == "clear"
    assert answer("duplicate_filing", first, step(90, "filed", project="Q")) == "insufficient"


@pytest.mark.parametrize("works", ["construction_started", "payment", "start_evidence"])
def test_works_of_every_kind_need_a_permit(works: str) -> None:
    """A site log or a payment tells as much as the start that is reported."""
    permit = step(60, "permit_issued")

    assert answer("construction_before_approval", FILED, APPROVED, step(61, works)) == "hit"
    assert answer("construction_before_approval", FILED, APPROVED, permit, step(61, works)) == (
        "clear"
    )
    assert answer("construction_before_approval", FILED, APPROVED) == "not_applicable"


def test_from_a_platform_that_tells_of_no_permits_none_is_missed() -> None:
    """Absence says nothing until a permit was known, whenever that one was issued."""
    rule, works, steps = "construction_before_approval", step(61, "payment"), (FILED, APPROVED)
    later = step(62, "permit_issued", project="E", parcel="M")

    assert answer(rule, *steps, works, before=()) == "insufficient"
    assert answer(rule, *steps, later, step(70, "payment"), before=()) == "hit"


def test_a_start_is_late_only_where_starts_are_told_of() -> None:
    """Nor does the extension lapse for want of a start that nobody would have sent."""
    late = step(800, "change_requested")

    assert answer("approved_not_started", FILED, APPROVED, late, before=()) == "insufficient"
    extended = step(700, "extension_approved"), step(1200, "change_requested")
    assert answer("extension_lapsed", FILED, APPROVED, *extended, before=()) == "insufficient"
    assert answer("extension_lapsed", FILED, APPROVED, *extended) == "hit"
    soon = step(60, "change_requested")
    assert answer("approved_not_started", FILED, APPROVED, soon, before=()) == "clear"
