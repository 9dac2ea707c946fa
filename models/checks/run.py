"""Running the checks: on one subject with a report, or case by case in a test."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from features.contracts.errors import BundleError
from models.checks import contributions, saved, scores, whole
from models.checks.subject import Check, Subject, remembered


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise, and whether it is kept."""

    check: str
    promise: str
    passed: bool
    message: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks say about one subject."""

    subject: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed, without `check_`."""
        return tuple(finding.check for finding in self.findings if not finding.passed)

    @property
    def passed(self) -> bool:
        """Whether it may be promoted."""
        return not self.failed

    def document(self) -> dict[str, Any]:
        """The report as plain data."""
        findings = [asdict(finding) for finding in self.findings]
        return {"subject": self.subject, "passed": self.passed, "checks": findings}


@dataclass(frozen=True, slots=True)
class Case:
    """One check of one subject: call it, and it raises where the promise is broken."""

    subject: Subject
    check: Check

    def __call__(self) -> None:
        """Run the check."""
        self.check(self.subject)

    def __str__(self) -> str:
        """An id for parametrised tests."""
        return f"{self.subject.name}-{_name(self.check)}"


def iter_checks() -> Iterator[Check]:
    """Yield the checks that every detector must pass."""
    yield scores.check_scores_are_finite_one_a_row
    yield scores.check_row_scores_the_same_alone_and_in_a_batch
    yield scores.check_row_scores_the_same_among_its_copies
    yield scores.check_ring_of_copies_is_still_flagged
    yield scores.check_threads_do_not_disturb_each_other
    yield scores.check_same_seed_same_score
    yield scores.check_constant_column_is_survived
    yield scores.check_far_rows_rank_high
    yield scores.check_input_is_not_written_to
    yield scores.check_layout_in_memory_does_not_matter
    yield scores.check_rows_of_another_width_are_refused
    yield contributions.check_contributions_add_up
    yield contributions.check_contributions_can_be_grouped
    yield contributions.check_contributions_are_the_same_alone_and_in_a_batch
    yield contributions.check_the_column_that_differs_contributes_most
    yield saved.check_saved_and_loaded_scores_the_same
    yield saved.check_damaged_arrays_are_refused
    yield saved.check_arrays_do_not_grow_with_the_rows


def iter_ensemble_checks() -> Iterator[Check]:
    """Yield what an ensemble must pass besides."""
    yield whole.check_column_order_by_name_does_not_matter
    yield whole.check_missing_value_counts_as_the_median
    yield whole.check_rows_of_which_nothing_is_known_are_survived


def cases(subject: Subject) -> list[Case]:
    """Every check of `subject`, for `pytest.mark.parametrize("case", cases(subject), ids=str)`.

    The subject is fitted once on each set of rows, but for the checks that are about fitting.
    """
    kept = remembered(subject)
    afresh = (scores.check_same_seed_same_score, scores.check_input_is_not_written_to)
    checks = [*iter_checks(), *(iter_ensemble_checks() if subject.is_whole else ())]
    return [Case(subject if check in afresh else kept, check) for check in checks]


def run_checks(subject: Subject) -> Report:
    """Run every check on `subject`; a check that crashes has failed, and the report says how.

    >>> from models.checks import Subject
    >>> def fit(x, seed):
    ...     raise RuntimeError("no rows today")
    >>> report = run_checks(Subject("broken", fit))
    >>> report.passed, report.findings[0].message
    (False, 'raised RuntimeError: no rows today')
    """
    return Report(subject.name, tuple(iter_findings(subject)))


def iter_findings(subject: Subject) -> Iterator[Finding]:
    """Run every check on `subject`, and yield what each one finds as it is found."""
    yield from map(_run, cases(subject))


def _run(case: Case) -> Finding:
    began = time.perf_counter()
    message = ""
    try:
        case()
    except BundleError as error:
        message = str(error)
    except Exception as error:  # noqa: BLE001  (whatever a plug-in raises is a finding)
        (first, *_) = str(error).splitlines() or [""]
        message = f"raised {type(error).__name__}: {first}"
    summary = (case.check.__doc__ or "").splitlines()[0]
    finding = Finding(_name(case.check), summary, not message, message, 0.0)
    return replace(finding, seconds=time.perf_counter() - began)


def _name(check: Check) -> str:
    return check.__name__.removeprefix("check_")
