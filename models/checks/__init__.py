"""Conformance: what every detector must do before it may serve, as small functions.

A check takes a `Subject`, which says how to fit, and raises BundleError where the promise of its
name is broken. `run_checks` runs all of them and reports; `cases` hands them to pytest one by one;
`lianjing conformance` prints the report. Nothing here imports a fitter.

Whoever adds a detector writes::

    subject = Subject("my_detector", lambda x, seed: fit_mine(x, seed=seed), Mine.from_arrays)

    @pytest.mark.parametrize("case", cases(subject), ids=str)
    def test_mine(case):
        case()
"""

from models.checks.contributions import (
    check_contributions_add_up,
    check_contributions_are_the_same_alone_and_in_a_batch,
    check_contributions_can_be_grouped,
    check_the_column_that_differs_contributes_most,
)
from models.checks.run import (
    Case,
    Finding,
    Report,
    cases,
    iter_checks,
    iter_ensemble_checks,
    iter_findings,
    run_checks,
)
from models.checks.saved import (
    check_arrays_do_not_grow_with_the_rows,
    check_damaged_arrays_are_refused,
    check_saved_and_loaded_scores_the_same,
    damaged,
)
from models.checks.scores import (
    AUC_FLOOR,
    COPIES,
    THREADS,
    check_constant_column_is_survived,
    check_far_rows_rank_high,
    check_input_is_not_written_to,
    check_layout_in_memory_does_not_matter,
    check_ring_of_copies_is_still_flagged,
    check_row_scores_the_same_alone_and_in_a_batch,
    check_row_scores_the_same_among_its_copies,
    check_rows_of_another_width_are_refused,
    check_same_seed_same_score,
    check_scores_are_finite_one_a_row,
    check_threads_do_not_disturb_each_other,
)
from models.checks.subject import (
    Check,
    Explainer,
    Named,
    Saved,
    Scorer,
    Subject,
    column_names,
    remembered,
    sample,
)
from models.checks.whole import (
    check_column_order_by_name_does_not_matter,
    check_missing_value_counts_as_the_median,
    check_rows_of_which_nothing_is_known_are_survived,
)

__all__ = [
    "AUC_FLOOR",
    "COPIES",
    "THREADS",
    "Case",
    "Check",
    "Explainer",
    "Finding",
    "Named",
    "Report",
    "Saved",
    "Scorer",
    "Subject",
    "cases",
    "check_arrays_do_not_grow_with_the_rows",
    "check_column_order_by_name_does_not_matter",
    "check_constant_column_is_survived",
    "check_contributions_add_up",
    "check_contributions_are_the_same_alone_and_in_a_batch",
    "check_contributions_can_be_grouped",
    "check_damaged_arrays_are_refused",
    "check_far_rows_rank_high",
    "check_input_is_not_written_to",
    "check_layout_in_memory_does_not_matter",
    "check_missing_value_counts_as_the_median",
    "check_ring_of_copies_is_still_flagged",
    "check_row_scores_the_same_alone_and_in_a_batch",
    "check_row_scores_the_same_among_its_copies",
    "check_rows_of_another_width_are_refused",
    "check_rows_of_which_nothing_is_known_are_survived",
    "check_same_seed_same_score",
    "check_saved_and_loaded_scores_the_same",
    "check_scores_are_finite_one_a_row",
    "check_the_column_that_differs_contributes_most",
    "check_threads_do_not_disturb_each_other",
    "column_names",
    "damaged",
    "iter_checks",
    "iter_ensemble_checks",
    "iter_findings",
    "remembered",
    "run_checks",
    "sample",
]
