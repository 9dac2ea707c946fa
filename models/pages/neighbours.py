"""The page of the nearest rows in small subsamples."""

from typing import Final

from models.pages.page import Cost, Page

PAGE: Final = Page(
    title="Nearest rows in small subsamples (LeSiNN)",
    what="How far the nearest of a few training rows is, over many small subsamples of two sizes.",
    finds=(
        "Rows that no training row resembles, in whichever combination of columns, also inside a "
        "hole or between two crowds: 64 subsamples of 8 rows see what is far from all that is "
        "common, 32 of 64 rows what is far from the closest of many. Clumps too, which other "
        "neighbour searches miss. A ring of similar rows is seldom drawn twice into 8; the larger "
        "subsamples are drawn from the nine tenths of the rows that the small ones find near; and "
        "a row that equals the one asked about in every value is not its neighbour, so that copies "
        "cannot vouch for each other."
    ),
    cannot=(
        "Rows that stand out only against their own dense surroundings, since one distance is "
        "measured for all; rows in a gap that is narrow beside the usual distance, as between two "
        "moons; a deviation in one column among hundreds, which the noise of the others covers; "
        "and clumps of rows that differ a little which make up more than some 5 % of the training "
        "rows: one far off was found at 5 %, and no more at 8 %."
    ),
    formula=(
        "z_j    = sign(r_j) log(1 + |r_j|), r_j = (x_j - median_j) / (1.4826 MAD_j)",
        "         the standard deviation in place of a MAD of 0, and 1 in place of both",
        "k_s    = of the rows of subsample s that differ from z, the one nearest to it",
        "w_s    = 1 / (64 times the mean distance of training rows in the small subsamples),",
        "         1 / (32 times that in the large ones): both views count alike",
        "s(x)   = sum over s of w_s ||z - p_(s, k_s)||^2",
        "phi_j  = sum over s of w_s (z_j - p_(s, k_s), j)^2",
    ),
    missing_in_score=(
        "A missing value is replaced by the training median, which is 0 on the scale of the "
        "distances: the row moves towards the middle of the crowd in that column, and mostly "
        "scores lower. Where the column goes together with another one whose value is extreme, the "
        "filled row may resemble no other, and score higher."
    ),
    missing_in_reasons=(
        "It contributes a little less than the column does on average, or a little more where the "
        "filled row resembles no other; what is not known is never named as a reason."
    ),
    category=(
        "A yes or no has no spread about its median where most rows agree; its standard deviation "
        "stands in. A yes that one training row in a hundred has lies at log(1 + 10) = 2.4 there, "
        "further off than three deviations of an amount."
    ),
    cost=Cost(
        fit="O(m P d) for distances of at most m = 20,000 rows, O(d n) for the medians",
        score_row="O(P d), P = 64 x 8 + 32 x 64 = 2,560 points",
        explain_row="the same: the squared gaps to the nearest rows are the contributions",
    ),
    memory="8 P d bytes: 20 kB a column, whatever the training rows.",
    references=(
        (
            "Pang, Ting, Albrecht 2015, LeSiNN: Detecting Anomalies by Identifying Least Similar "
            "Nearest Neighbours, doi:10.1109/ICDMW.2015.62. There all subsamples are of one size "
            "and drawn from all rows."
        ),
        (
            "Rousseeuw, Croux 1993, Alternatives to the Median Absolute Deviation, "
            "doi:10.1080/01621459.1993.10476408"
        ),
    ),
)
