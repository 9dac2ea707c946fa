"""Isolation forest as flat arrays: few random cuts set an unusual row apart.

The kernels live in `models.trees`; the fitter in `models.fitting.forest`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector
from models import trees
from models.arrays import Array, Arrays, rows, take


@dataclass(frozen=True, slots=True, eq=False)
class IsolationForest:
    """-E[h] / c(n): the mean number of cuts that isolate the row, against what is expected.

    A row that few random cuts set apart from a small sample is unusual in some columns together.
    h is the depth of the row's leaf plus c(rows left in it), c(n) the mean path length of a search
    tree of n rows; the value is the base-2 logarithm of scikit-learn's score, which keeps it
    additive. Contributions are exact Shapley values of E[h] under the trees' own cover ("path
    dependent TreeSHAP"). Range -2 to 0; -1 is the ordinary row, higher is more unusual. Values are
    compared as float32, as scikit-learn does.

    Nodes are stored in pre-order, tree after tree: a left child follows its parent, so that which
    nodes are leaves (column -1) determines the tree.

    >>> nodes = trees.Forest(
    ...     starts=np.array([0, 3], dtype=np.int32), feature=np.array([0, -1, -1], dtype=np.int32),
    ...     threshold=np.array([5.0, 0.0, 0.0], dtype=np.float32),
    ...     cover=np.array([4, 3, 1], dtype=np.int32))
    >>> forest = IsolationForest(1, nodes, path_length=np.array([0.0, 0.0, 1.0, 1.2, 1.5]))
    >>> forest.score(np.array([[1.0], [9.0]])).round(3).tolist()
    [-1.467, -0.667]

    References
    ----------
    Liu, Ting, Zhou, "Isolation Forest", ICDM 2008, doi:10.1109/ICDM.2008.17.
    Lundberg et al., "From local explanations to global understanding with explainable AI for
    trees", Nature Machine Intelligence 2020, doi:10.1038/s42256-019-0138-9.
    """

    name: ClassVar[str] = "forest"
    n_features: int
    nodes: trees.Forest
    path_length: Vector
    """c(n) for n = 0, 1, ..., rows of a tree."""
    _walk: trees.Walk = field(init=False, repr=False)
    _explain: trees.Explain = field(init=False, repr=False)
    _unit: float = field(init=False, repr=False)
    _base: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        links = trees.link(self.nodes)
        feature, cover = self.nodes.feature, self.nodes.cover
        value = links.depth + self.path_length[cover]
        mean = float((value * cover)[feature < 0].sum()) / float(cover[0])
        unit = -1.0 / (self.parameters["n_trees"] * float(self.path_length[cover[0]]))
        for name, derived in (
            ("_walk", trees.walk_tables(self.nodes, links, value)),
            ("_explain", trees.explain_tables(self.nodes, links, value)),
            ("_unit", unit),
            ("_base", unit * mean),
        ):
            object.__setattr__(self, name, derived)

    @property
    def parameters(self) -> Mapping[str, int]:
        """Trees and rows of a tree."""
        return {"n_trees": self.nodes.starts.size - 1, "max_samples": int(self.nodes.cover[0])}

    def score(self, x: Matrix) -> Vector:
        """-E[h] / c(n) of each row."""
        out = np.empty(x.shape[0])
        trees.walk(rows(x, self.n_features), *self._walk, self._unit, out)
        return out

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """The score of no knowledge, and each column's Shapley value."""
        out = np.empty(x.shape)
        trees.explain(rows(x, self.n_features), self._explain, self._unit, out)
        return self._base, out

    def arrays(self) -> dict[str, Array]:
        """The nodes and c(n)."""
        n_features = np.array([self.n_features], dtype=np.int64)
        own: dict[str, Array] = {"n_features": n_features, "path_length": self.path_length}
        return own | self.nodes._asdict()

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Build from `arrays()`; every tree must be whole, within bounds and of one size."""
        n_features = int(take(arrays, "n_features", np.int64, (1,))[0])
        starts = take(arrays, "starts", np.int32, (None,))
        feature = take(arrays, "feature", np.int32, (None,))
        threshold = take(arrays, "threshold", np.float32, feature.shape)
        cover = take(arrays, "cover", np.int32, feature.shape)
        path_length = take(arrays, "path_length", np.float64, (None,))
        nodes = trees.Forest(starts, feature, threshold, cover)
        _check_nodes(nodes, n_features, path_length.size)
        if not (path_length[2:] > 0.0).all():
            raise CorruptBundleError("array 'path_length' must be positive from 2 rows on")
        return cls(n_features, nodes, path_length)


def _check_nodes(nodes: trees.Forest, n_features: int, n_lengths: int) -> None:
    """Refuse indices out of bounds, before any kernel follows one."""
    starts, feature, cover = nodes.starts, nodes.feature, nodes.cover
    if starts.size < 2 or starts[0] != 0 or starts[-1] != feature.size:  # noqa: PLR2004
        raise CorruptBundleError("array 'starts' must part the nodes into trees")
    if not (np.diff(starts) > 0).all():
        raise CorruptBundleError("array 'starts' holds an empty tree")
    if not ((feature >= -1) & (feature < n_features)).all():
        raise CorruptBundleError(f"array 'feature' must lie in -1..{n_features - 1}")
    if not ((cover >= 1) & (cover < n_lengths)).all():
        raise CorruptBundleError(f"array 'cover' must lie in 1..{n_lengths - 1}")
    if cover[0] < 2 or not (cover[starts[:-1]] == cover[0]).all():  # noqa: PLR2004
        raise CorruptBundleError("array 'cover' must give every tree the same 2 or more rows")
