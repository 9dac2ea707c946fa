"""The page of the robust shrunk Mahalanobis distance."""

from typing import Final

from models.pages.page import Cost, Page

PAGE: Final = Page(
    title="Robust shrunk Mahalanobis distance",
    what="How far a row lies from the bulk of the training rows, along their correlations.",
    finds=(
        "Combinations that break a correlation, each value ordinary by itself (much money, few "
        "working days), and distance in any direction. Up to a quarter of the training rows may be "
        "anything without bending the bulk."
    ),
    cannot=(
        "More than one crowd: between two crowds, or inside a ring, lies its middle, which counts "
        "as ordinary. Where a kind of case makes up more than some 15 % of the training rows it is "
        "pulled into the bulk. Columns that are mostly one value are overrated, see below."
    ),
    formula=(
        "z      = signed logarithm of the robustly scaled row, as on the page of the nearest rows",
        "m, C   = mean and Ledoit-Wolf covariance of the 75 % of rows that are closest under them",
        "P      = C^-1, no eigenvalue of C below 0.001 of their mean",
        "s(x)   = (z - m)' P (z - m)",
        "phi_j  = (z - m)_j (P (z - m))_j",
    ),
    missing_in_score=(
        "A missing value is replaced by the training median of its column, whatever the other "
        "columns would lead to expect: where two columns go together and one is extreme, a missing "
        "other makes the combination look broken."
    ),
    missing_in_reasons=(
        "The known column of such a pair carries the reason, and may be named though the missing "
        "one would have made the row ordinary; the missing one is never named."
    ),
    category=(
        "The bulk may hold no row with a rare yes; the column then hardly varies in it, and a yes "
        "lies further off than any combination of amounts, bounded by the floor of the eigenvalues "
        "alone. The ensemble divides this by the deviation of the scores, which such rows raise."
    ),
    cost=Cost(
        fit="O(n d^2) a step, at most 10 steps on at most 20,000 rows",
        score_row="O(d^2)",
        explain_row="the same: the terms of the quadratic form are the contributions",
    ),
    memory="8 d (d + 3) bytes: 14 kB for 40 columns.",
    references=(
        (
            "Boudt et al. 2020, The minimum regularized covariance determinant estimator, "
            "doi:10.1007/s11222-019-09869-x"
        ),
        (
            "Rousseeuw, Van Driessen 1999, A Fast Algorithm for the Minimum Covariance Determinant "
            "Estimator, doi:10.1080/00401706.1999.10485670"
        ),
        (
            "Ledoit, Wolf 2004, A well-conditioned estimator for large-dimensional covariance "
            "matrices, doi:10.1016/S0047-259X(03)00096-4"
        ),
    ),
)
