"""Detectors against their bars and their peers, side by side in one run.

Run by `make bench-models`; prints a table and writes `build/bench/models.json`. `--only` takes the
keys that are wanted, `--rows` how many rows are fitted, `--quick` fits a tenth of them. Bars hold
at full size alone. Peers and ours take turns; figures are medians. Alert rates take a quarter of an
hour. Fails where values that must be equal are not.
"""

from pathlib import Path
from typing import Final

from tests.bench import alert_rate, fitted, forest
from tests.bench.bars import Bar
from tests.bench.finding import Size
from tests.bench.runner import Part, Suite

BARS: Final = {
    "iforest_row_ratio": Bar("scikit-learn's score of one row / ours, one forest", ">=", 300),
    "ecod_row_ratio": Bar("PyOD's ECOD, one row / ours", ">=", 10_000),
    "score_row_us": Bar("one row, whole ensemble: score", "<=", 150),
    "explain_row_us": Bar("one row: score, contributions, p-value", "<=", 1_300),
    "shap_ratio": Bar("shap.TreeExplainer, one row / ours, values equal", ">=", 2),
    "batch_ratio": Bar("rows a second of our forest / scikit-learn's, two threads each", ">=", 1),
    "fit_s": Bar("seconds to fit the ensemble and build its bundle", "<=", 15),
    "bundle_mb": Bar("size of the bundle, ordinary values of all peer groups in it", "<=", 6),
    "load_ms": Bar("milliseconds to load and verify it", "<=", 50),
    "alert_rate_error_1pct": Bar("alert rate of the live rule off its budget of 1 %", "<=", 0.15),
    "alert_rate_error_01pct": Bar("the same at 0.1 %", "<=", 0.35),
    "alert_rate_error_fixed_1pct": Bar("the same of a line drawn once, 1 %"),
    "alert_rate_error_fixed_01pct": Bar("the same, 0.1 %"),
    "alert_rate_error_mixed_1pct": Bar("the same without drift: scores mixed, 1 %"),
    "alert_rate_error_mixed_01pct": Bar("the same, 0.1 %"),
}
SUITE: Final = Suite(
    title="detectors",
    parts=(
        Part(("iforest_row_ratio", "batch_ratio", "shap_ratio"), forest.measure),
        Part(
            ("ecod_row_ratio", "score_row_us", "explain_row_us", "fit_s", "bundle_mb", "load_ms"),
            fitted.measure,
        ),
        Part(tuple(alert_rate.KEYS), alert_rate.measure),
    ),
    bars=BARS,
    full=Size(100_000, 5),
    out=Path("build/bench/models.json"),
    libraries=("numpy", "numba", "scikit-learn", "pyod", "shap"),
)


if __name__ == "__main__":
    SUITE.run(__doc__)
