"""The page of what reviewers' findings make of the ensemble."""

from typing import Final

from models.pages.page import Cost, Page

PAGE: Final = Page(
    title="Default ensemble with labels",
    what="The log-odds of being confirmed: the ensemble's contributions, weighted by findings.",
    finds=(
        "What reviewers confirm: columns that told confirmed cases from cleared ones weigh more, "
        "others less. From 20 confirmed cases on, shallow boosted trees have half the say, which "
        "also see combinations and ranges. Before the first confirmed case it scores as the "
        "ensemble does."
    ),
    cannot=(
        "A kind of case that nobody was shown: where reviews come from the top of the ensemble's "
        "own list alone, it learns about what is flagged already, and ranks lower what was cleared "
        "there. The log-odds are those of the weighted training rows; a chance is made of them by "
        "the calibration on reviewed events, from 100 reviews on. Mistakes that reviewers share "
        "are learned as truth."
    ),
    formula=(
        "c_j    = contribution of column j to the default ensemble",
        "B      = log-odds of 100 boosted trees of depth 3, over columns and contributions",
        "s(x)   = (1 - m) (a + sum over j of w_j c_j) + m B(x), m = 1/2 or, before 20 cases, 0",
        "a, w   = least weighted log loss + 0.1 sum over j of (w_j - 1)^2 + 0.05 (a - a_0)^2",
        "phi_j  = (1 - m) w_j c_j + m (Shapley values of x_j and of c_j in B), less its mean",
    ),
    missing_in_score=(
        "A missing value is filled as the ensemble fills it, with the training median, for the "
        "contributions and for the trees alike; reviews can make a median less ordinary."
    ),
    missing_in_reasons=(
        "As in the ensemble: only a known value is named as a reason, and what a missing one "
        "contributes stays in the sum."
    ),
    category=(
        "As in its detectors. A weight belongs to a column, not to a value: where one yes is "
        "confirmed time and again, the weight of that yes-or-no column rises as a whole."
    ),
    cost=Cost(
        fit="the ensemble's, O(r d^2) a Newton step for r labelled and crowd rows, and the trees",
        score_row="explaining a row by the ensemble, O(100 depth) for the trees",
        explain_row="the same, and two passes over the nodes of the trees",
    ),
    memory="The ensemble's, 16 d bytes, and 24 bytes a node of at most 1,500 nodes: 36 kB.",
    references=(
        (
            "Das et al. 2016, Incorporating expert feedback into active anomaly discovery, "
            "doi:10.1109/ICDM.2016.0102"
        ),
        (
            "Zhao, Hryniewicki 2018, XGBOD: improving supervised outlier detection with "
            "unsupervised representation learning, doi:10.1109/IJCNN.2018.8489605"
        ),
        (
            "Friedman 2001, Greedy function approximation: a gradient boosting machine, "
            "doi:10.1214/aos/1013203451"
        ),
    ),
    unit="log-odds",
)
