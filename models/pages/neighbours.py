"""The page of the nearest rows in small subsamples."""

from typing import Final

from models.pages.page import Cost, Page

PAGE: Final = Page(
    title="Nearest rows in small subsamples (LeSiNN)",
    what="How far the nearest of a few ordinary rows is, on the average of ten small subsamples.",
    finds=(
        "Rows that no training row resembles, in whichever combination of columns, also inside a "
        "gap or between two crowds; and small clumps, which other neighbour searches miss: a ring "
        "of similar rows is rarely drawn into a subsample of 256 and cannot vouch for itself."
    ),
    cannot=(
        "Rows that stand out only against their own dense surroundings, since one distance is "
        "measured for all; a deviation in one column among hundreds, which the noise of the others "
        "covers; clumps that make up more than about one row in 256."
    ),
    formula=(
        "z_j     = sign(r_j) log(1 + |r_j|), r_j = (x_j - median_j) / (1.4826 MAD_j)",
        "k_s     = the row of subsample s with the smallest ||z - p_sk||^2",
        "s(x)    = mean over s of ||z - p_(s, k_s)||^2",
        "phi_j   = mean over s of (z_j - p_(s, k_s), j)^2",
    ),
    missing_in_score=(
        "A missing value is replaced by the training median, which is 0 on the scale of the "
        "distances: the row moves towards the middle of the crowd in that column."
    ),
    missing_in_reasons=(
        "The nearest rows are then rows with a middling value in that column, and it contributes "
        "close to nothing; what is not known is never named as a reason."
    ),
    cost=Cost(
        fit="O(d n) for the medians; drawing the subsamples costs next to nothing",
        score_row="O(S m d), S = 10 subsamples of m = 256 rows",
        explain_row="the same: the squared gaps to the nearest rows are the contributions",
    ),
    memory="8 S m d bytes: 20 kB a column, whatever the training rows.",
    references=(
        (
            "Pang, Ting, Albrecht 2015, LeSiNN: Detecting Anomalies by Identifying Least Similar "
            "Nearest Neighbours, doi:10.1109/ICDMW.2015.62"
        ),
        (
            "Rousseeuw, Croux 1993, Alternatives to the Median Absolute Deviation, "
            "doi:10.1080/01621459.1993.10476408"
        ),
    ),
)
