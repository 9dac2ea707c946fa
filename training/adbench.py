"""The ADBench protocol: detectors against labelled tables, their labels used to judge alone.

A table of fewer than 1,000 rows is drawn with replacement to 1,000, one of more than 10,000 without
to 10,000; 70 % of the rows, stratified, train and 30 % judge; columns are scaled to the training
rows' range; figures are means over seeds. Training rows hold their anomalies, unmarked.
Resampling copies rows, so a judged row may have its like among the training rows.
"""

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata, wilcoxon
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.vectors import Matrix, Vector
from models.fitting.ensemble import DEFAULT as MEMBERS
from models.fitting.ensemble import FITTERS, fit_ensemble
from models.fitting.from_pyod import fit_pyod

FEWEST_ROWS: Final = 1_000
MOST_ROWS: Final = 10_000
SEEDS: Final = (1, 2, 3)
DEFAULT: Final = "default"
ENGINE: Final = "engine"
"""The plan of PyOD's own engine: ranks of three detectors among the judged rows, averaged."""
_ENGINE_PLAN: Final = ("IForest", "ECOD", "KNN")
_PYOD: Final = ("IForest", "ECOD", "COPOD", "HBOS", "KNN", "PCA", "MCD")
_TEST_SHARE: Final = 0.3
_SCHEMA: Final = {
    "dataset": pl.String,
    "n_rows": pl.Int64,
    "n_columns": pl.Int64,
    "n_anomalies": pl.Int64,
    "is_resampled": pl.Boolean,
    "detector": pl.String,
    "auc_roc": pl.Float64,
    "auc_pr": pl.Float64,
    "paper_auc_roc": pl.Float64,
    "paper_auc_pr": pl.Float64,
    "note": pl.String,
}

Labels = NDArray[np.int64]
Progress = Callable[[int, int, str], None]
Judge = Callable[[Matrix, Matrix, int], Vector]
"""Training rows, judged rows and a seed in, scores of the judged rows out."""


@dataclass(frozen=True)
class Labelled:
    """A table of rows (n, d) with a label each, 1 for an anomaly."""

    name: str
    x: Matrix
    y: Labels

    @property
    def is_resampled(self) -> bool:
        """Whether the protocol draws from its rows instead of taking all of them."""
        return not FEWEST_ROWS <= len(self.y) <= MOST_ROWS


class Parts(NamedTuple):
    """Training and judged rows, scaled, and the labels of the judged ones."""

    train: Matrix
    test: Matrix
    y_test: Labels


class Comparison(NamedTuple):
    """The default against one detector over all tables that both were judged on."""

    detector: str
    mean_auc_roc: float
    mean_auc_pr: float
    difference: float
    """Mean AUCROC of the default less that of the detector, in points."""
    wins: int
    n_tables: int
    p_value: float
    """Two-sided, of Wilcoxon's signed-rank test over the tables; NaN where none differs."""


def _default(train: Matrix, test: Matrix, seed: int) -> Vector:
    names = [f"column_{j}" for j in range(train.shape[1])]
    return fit_ensemble(train, names, seed=seed).score(test)


def _member(name: str) -> Judge:
    return lambda train, test, seed: FITTERS[name](train, seed=seed).score(test)


def pyod(name: str) -> Judge:
    """PyOD's detector of that name, drawing as the paper's code does: from the global generator."""

    def judge(train: Matrix, test: Matrix, seed: int) -> Vector:
        with _seeded(seed):
            return fit_pyod(name, train, seed=None).score(test)

    return judge


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """NumPy's global generator started from the seed; what it was before comes back."""
    before = np.random.get_state()  # noqa: NPY002  (what PyOD draws from)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


DETECTORS: Final[Mapping[str, Judge]] = MappingProxyType(
    {
        DEFAULT: _default,
        **{name: _member(name) for name in MEMBERS},
        **{name: pyod(name) for name in _PYOD},
    }
)
"""The default, what it is made of, and PyOD's with their own settings; the engine is besides."""


def read(path: Path) -> Labelled:
    """A table of ADBench: arrays `X` (n, d) and `y` (0 or 1) in an `.npz` file.

    Raises
    ------
    UnreadableSourceError
        The file holds no such arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            x, y = arrays["X"].astype(np.float64), arrays["y"].astype(np.int64)
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UnreadableSourceError(
            f"{path.name}: {error}; a table is an .npz file with numbers X (n, d) and y (n,)"
        ) from error
    if x.ndim != 2 or y.shape != x.shape[:1] or set(np.unique(y)) != {0, 1}:  # noqa: PLR2004
        raise UnreadableSourceError(
            f"{path.name}: X {x.shape} and y {y.shape} must be rows and their labels, 0 and 1"
        )
    return Labelled(path.stem.split("_", 1)[-1], x, y)


def split(table: Labelled, seed: int) -> Parts:
    """Rows as the protocol draws, parts and scales them.

    >>> table = Labelled("small", np.arange(20.0).reshape(-1, 1), np.arange(20) // 18)
    >>> [part.shape for part in split(table, 1)]
    [(700, 1), (300, 1), (300,)]
    """
    x, y, state = table.x, table.y, np.random.RandomState(seed)
    if table.is_resampled:
        size = min(max(len(y), FEWEST_ROWS), MOST_ROWS)
        drawn = state.choice(len(y), size, replace=len(y) < FEWEST_ROWS)
        x, y = x[drawn], y[drawn]
    train, test, _, y_test = train_test_split(
        x, y, test_size=_TEST_SHARE, stratify=y, random_state=state
    )
    scaler = MinMaxScaler().fit(train)
    return Parts(scaler.transform(train), scaler.transform(test), y_test)


def bench(
    folder: Path, *, seeds: Sequence[int] = SEEDS, progress: Progress | None = None
) -> pl.DataFrame:
    """Every detector on every `.npz` of a folder: one row a table and detector, figures in percent.

    The paper's figures stand beside them where `paper_aucroc.csv` and `paper_aucpr.csv` are in the
    folder. A detector that cannot take a table has no figure there, and a note that says why.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise InputError(f"{folder}: holds no .npz table; give a folder of ADBench tables")
    paper = {name: _paper(folder / f"paper_auc{name}.csv") for name in ("roc", "pr")}
    found: list[dict[str, object]] = []
    for path in paths:
        table = read(path)
        for row in _judge(table, seeds):
            if progress:
                progress(len(found) + 1, len(paths) * (len(DETECTORS) + 1), table.name)
            key = (table.name, str(row["detector"]))
            printed = {f"paper_auc_{name}": paper[name].get(key) for name in paper}
            found.append(row | printed)
    return pl.DataFrame(found, schema=_SCHEMA)


def _judge(table: Labelled, seeds: Sequence[int]) -> Iterator[dict[str, object]]:
    """Figures of every detector on one table."""
    facts = {
        "dataset": table.name,
        "n_rows": len(table.y),
        "n_columns": table.x.shape[1],
        "n_anomalies": int(table.y.sum()),
        "is_resampled": table.is_resampled,
    }
    parts = [split(table, seed) for seed in seeds]
    ranks: list[list[Vector]] = [[] for _ in seeds]
    for name, judge in DETECTORS.items():
        scores, note = _scores(judge, parts, seeds)
        if name in _ENGINE_PLAN:
            for held, score in zip(ranks, scores, strict=False):
                held.append(rankdata(score))
        yield {**facts, "detector": name, **_figures(parts, scores), "note": note}
    plan = [np.mean(held, axis=0) for held in ranks if len(held) == len(_ENGINE_PLAN)]
    yield {**facts, "detector": ENGINE, **_figures(parts, plan), "note": None}


def _scores(
    judge: Judge, parts: Sequence[Parts], seeds: Sequence[int]
) -> tuple[list[Vector], str | None]:
    """Scores of the judged rows a seed, none at all where the detector cannot take the table."""
    try:
        with np.errstate(all="ignore"):
            scores = [
                judge(part.train, part.test, seed) for part, seed in zip(parts, seeds, strict=True)
            ]
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        return [], f"{type(error).__name__}: {error}"
    if not all(np.isfinite(score).all() for score in scores):
        return [], "scores that are not finite"
    return scores, None


def _figures(parts: Sequence[Parts], scores: Sequence[Vector]) -> dict[str, float | None]:
    """AUCROC and AUCPR in percent, means over the seeds."""
    if len(scores) < len(parts):
        return {"auc_roc": None, "auc_pr": None}
    judged = list(zip((part.y_test for part in parts), scores, strict=True))
    return {
        "auc_roc": 100.0 * float(np.mean([roc_auc_score(y, score) for y, score in judged])),
        "auc_pr": 100.0 * float(np.mean([average_precision_score(y, s) for y, s in judged])),
    }


def _paper(path: Path) -> dict[tuple[str, str], float]:
    """The paper's figure of each table and detector; none where there is no such file."""
    if not path.exists():
        return {}
    wide = pl.read_csv(path)
    long = wide.unpivot(index="dataset", variable_name="detector", value_name="figure")
    return {(name, detector): figure for name, detector, figure in long.iter_rows()}


def compare(table: pl.DataFrame) -> list[Comparison]:
    """The default against every other detector, the best of them first."""
    wide = table.pivot(on="detector", index="dataset", values="auc_roc")
    precise = table.pivot(on="detector", index="dataset", values="auc_pr")
    others = [name for name in wide.columns if name != "dataset"]
    rows = [_compared(name, wide, precise) for name in others]
    return sorted(rows, key=lambda row: -row.mean_auc_roc)


def _compared(name: str, wide: pl.DataFrame, precise: pl.DataFrame) -> Comparison:
    both = wide.select(ours=DEFAULT, theirs=name).drop_nulls()
    ours, theirs = both["ours"].to_numpy(), both["theirs"].to_numpy()
    differs = len(ours) > 0 and bool((ours != theirs).any())
    return Comparison(
        detector=name,
        mean_auc_roc=_mean(theirs),
        mean_auc_pr=_mean(precise[name].drop_nulls().to_numpy()),
        difference=_mean(ours - theirs),
        wins=int((ours > theirs).sum()),
        n_tables=len(ours),
        p_value=float(wilcoxon(ours, theirs).pvalue) if differs else float("nan"),
    )


def _mean(values: Vector) -> float:
    return float(values.mean()) if len(values) else float("nan")
