"""The page of the isolation forest."""

from typing import Final

from models.pages.page import Cost, Page

PAGE: Final = Page(
    title="Isolation forest",
    what="How few random cuts set a row apart from a small sample of the training rows.",
    finds=(
        "Rows that lie at the edge or outside of the crowd in some columns, alone or together: the "
        "further out and the more columns, the fewer cuts it takes. It needs no scale and assumes "
        "no shape, and many columns that say nothing do little harm."
    ),
    cannot=(
        "Rows inside a hole of the crowd (the middle of a ring), since every cut is parallel "
        "to an axis and a hole takes many; values that are ordinary one by one and rare only "
        "together, unless the combination lies in a corner; how far outside a row lies, beyond the "
        "outermost training row. A clump that makes up more than a few of the 256 rows of a tree "
        "looks like a crowd of its own: one far off was found at 2 % of the training rows, and no "
        "more at 5 %."
    ),
    formula=(
        "h_t(x) = cuts from the root of tree t to the leaf of x, plus c(rows left in that leaf)",
        "c(m)   = 2 H(m - 1) - 2 (m - 1) / m, the mean path length of a search tree of m rows",
        "s(x)   = - mean over t of h_t(x) / c(n), n rows a tree: log2 of the usual score",
        "phi_j  = Shapley value of column j for s, under the trees' own shares of training rows",
    ),
    missing_in_score=(
        "A missing value is replaced by the training median of its column before the trees see it, "
        "in fitting and in scoring alike."
    ),
    missing_in_reasons=(
        "The median gets a Shapley value like any other value, usually below what the column "
        "contributes on average, so that it lowers the score a little; what is not known is never "
        "named as a reason."
    ),
    category=(
        "A yes or no takes one cut, and a rare yes is alone soon: it shortens the paths of trees "
        "whose sample holds one. It adds less than a distance without bound would."
    ),
    cost=Cost(
        fit="O(T n log n) for T = 300 trees of n = 256 rows, whatever the training rows",
        score_row="O(T depth), depth at most 8",
        explain_row="O(4 nodes): two passes over all nodes, at four points of integration",
    ),
    memory="16 bytes a node, at most T (2 n - 1) nodes: below 2.5 MB, whatever the training rows.",
    references=(
        "Liu, Ting, Zhou 2008, Isolation Forest, doi:10.1109/ICDM.2008.17",
        (
            "Lundberg et al. 2020, From local explanations to global understanding with "
            "explainable AI for trees, doi:10.1038/s42256-019-0138-9"
        ),
    ),
    figures=("iforest_row_ratio", "shap_ratio", "batch_ratio"),
)
