"""The page of the default ensemble."""

from typing import Final

from models.pages.page import Cost, Page

PAGE: Final = Page(
    title="Default ensemble",
    what="The weighted mean of the detectors, each brought to its own training mean and deviation.",
    finds=(
        "What any of its detectors finds: values rare by themselves, combinations that break a "
        "correlation, rows that nothing resembles, rows at the edge. What several of them agree on "
        "comes first."
    ),
    cannot=(
        "What all of its detectors miss, above all a kind of case so common in the training rows "
        "that it is ordinary there: a clump far off was found at 2 % of the training rows, a third "
        "of it at 5 %, nothing at 8 %. What one alone sees is diluted by others. It says that a "
        "row differs from its peers, and nothing about why: that is the reviewer's to find out."
    ),
    formula=(
        "s(x)   = sum over detectors k of w_k (s_k(x) - mu_k) / sigma_k",
        "         mu_k, sigma_k = mean and standard deviation of s_k over training rows",
        "         w_k = 1/5 each; 2/5 for the nearest rows, which join two views",
        "phi_j  = sum over k of (w_k / sigma_k) phi_kj, less its mean over training rows",
        "base   = what is left: base + sum over j of phi_j = s(x), to 1e-6 of it",
    ),
    missing_in_score=(
        "A missing value is replaced by the training median of its column before any detector sees "
        "the row: what is not known counts as ordinary, and mostly lowers the score. Where two "
        "columns go together, one is extreme and the other missing, the filled row breaks the "
        "correlation and scores higher than if both were known. An infinity is refused."
    ),
    missing_in_reasons=(
        "Only a known value is named as a reason. What a missing one contributes (mostly a little "
        "below zero) stays in the sum, so that base and contributions still make the score; the "
        "verdict's `reliability` says how many values were known."
    ),
    category=(
        "No detector sees a category. Features measure within it or about it: how an amount lies "
        "among the peers of its category, how rare the category is, whether a yes-or-no holds. A "
        "category acts on the score, and stands in a reason, through such a number alone. One that "
        "training never saw has few peers; its features take wider peers, or are missing."
    ),
    cost=Cost(
        fit="the sum of its detectors', and their scores of at most 20,000 rows",
        score_row="the sum of its detectors'",
        explain_row="the sum of its detectors'; the forest takes nearly all of it",
    ),
    memory="The sum of its detectors', and 8 bytes a column and detector.",
    references=(
        (
            "Aggarwal, Sathe 2015, Theoretical Foundations and Algorithms for Outlier Ensembles, "
            "doi:10.1145/2830544.2830549"
        ),
        (
            "Bates et al. 2023, Testing for Outliers with Conformal p-values, arXiv:2104.08279 "
            "(for the p-value that is made of the score)"
        ),
    ),
    figures=("score_row_us", "explain_row_us", "fit_s", "bundle_mb", "load_ms"),
)
