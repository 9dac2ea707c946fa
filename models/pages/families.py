"""The page of the tails by family."""

from typing import Final

from models.pages.page import Cost, Page

PAGE: Final = Page(
    title="Tails by family (harmonic mean p)",
    what=(
        "How unlikely the least likely part of a row is: one column, one family of columns, or all."
    ),
    finds=(
        "What shows in one measure, or in a few that belong together, however many ordinary ones "
        "stand beside them; and values on the side that matters alone, where a side is declared "
        "(a firm that is very young, not one that is very old)."
    ),
    cannot=(
        "Combinations of ordinary values that break a correlation, and gaps inside a distribution. "
        "Beyond the outermost training row all values count alike. What is moderately unusual in "
        "many families and far out in none ranks lower than a sum would rank it."
    ),
    formula=(
        "p_j   = share of training rows as far out in column j, on its side (both: twice the less)",
        "q_f   = share of training rows whose sum of -log p_j over family f is as large",
        "r     = share of training rows whose sum of -log q_f over all families is as large",
        "s(x)  = log(1/2 mean_j 1/p_j + 1/2 mean_f 1/q_f + 1/4 1/r)",
        "phi_j = s(x) times the column's part of that mean: 1/p_j its own, 1/q_f in proportion to",
        "        -log p_j inside the family, 1/r in proportion to -log q_f, then -log p_j",
    ),
    missing_in_score=(
        "A missing value is replaced by the training median of its column, which is as ordinary as "
        "a value can be."
    ),
    missing_in_reasons=(
        "Against what the column contributes on average the median counts below nothing, so that a "
        "value that is not known is never named as a reason."
    ),
    category=(
        "A yes that one training row in a hundred has counts as one in a hundred, as a number that "
        "far out does; where yes is common neither answer counts for much."
    ),
    cost=Cost(
        fit="O(d n log n)",
        score_row="O(d log k), k knots a column",
        explain_row="the same: parts and score are computed together",
    ),
    memory="16 bytes a knot, 40 more once loaded; at most 2,560 knots a column and a family.",
    references=(
        (
            "Wilson 2019, The harmonic mean p-value for combining dependent tests, "
            "doi:10.1073/pnas.1814092116"
        ),
        (
            "Li et al. 2022, ECOD: Unsupervised Outlier Detection Using Empirical Cumulative "
            "Distribution Functions, arXiv:2201.00382, for the frozen tails of single columns"
        ),
    ),
)
