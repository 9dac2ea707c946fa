"""The page of the frozen distribution functions."""

from typing import Final

from models.pages.page import Cost, Page

PAGE: Final = Page(
    title="Frozen tail probabilities (ECOD)",
    what="How deep in a tail each value lies, by itself, among the training rows.",
    finds=(
        "Values that are rare by themselves, too high or too low, whatever the unit, the scale or "
        "the shape of the distribution; several of them in one row add up. What it says of a "
        "column is easy to check: how many training rows go as far."
    ),
    cannot=(
        "Anything in between: combinations of ordinary values, gaps inside a distribution, and a "
        "clump that lies off the crowd but within the range of every column. Beyond the outermost "
        "training row all values count alike. Many columns that say nothing dilute those that do."
    ),
    formula=(
        "u_j(x) = max(-log((le + 1) / (n + 1)), -log((n - lt + 1) / (n + 1)))",
        "         le, lt = training rows at or below, strictly below x_j; n training rows",
        "s(x)   = sum over columns j of u_j(x)",
        "phi_j  = u_j(x), in nats",
    ),
    missing_in_score=(
        "A missing value is replaced by the training median, the least surprising value of the "
        "column: it adds log 2 at most, as ordinary rows do."
    ),
    missing_in_reasons=(
        "Against what the column contributes on average the median counts below nothing, so that a "
        "value that is not known lowers the score and is never named as a reason."
    ),
    category=(
        "A yes or no is a distribution of two values: a yes that one training row in a hundred has "
        "adds log 100 = 4.6, whatever else the row holds, and at one in three it adds 1.1."
    ),
    cost=Cost(
        fit="O(d n log n)",
        score_row="O(d log k), k knots a column",
        explain_row="the same: the terms of the sum are the contributions",
    ),
    memory=(
        "16 bytes a knot, 24 more once loaded; k is the number of distinct values, and at most "
        "2 (256 + 1024) = 2,560 a column: 40 kB a column, whatever the training rows."
    ),
    references=(
        (
            "Li et al. 2022, ECOD: Unsupervised Outlier Detection Using Empirical Cumulative "
            "Distribution Functions, arXiv:2201.00382. There the rows to be scored join the "
            "distribution; here the training rows alone make it, so that a row scores the same in "
            "any company."
        ),
    ),
    figures=("ecod_row_ratio",),
)
