"""Boosted trees as flat arrays: a log-odds that is a sum of shallow trees.

The kernels live in `models.trees`; the fitter in `models.fitting.boosted`.
"""

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector
from models import trees
from models.arrays import Array, Arrays, rows, take

_FEWEST_STARTS: Final = 2
"""One tree has a start and an end."""


@dataclass(frozen=True, slots=True, eq=False)
class BoostedTrees:
    """start + sum over trees of the value of the leaf that a row falls into, in log-odds.

    Contributions are exact Shapley values under the trees' own cover ("path dependent TreeSHAP"):
    base + sum of contributions = score. A missing value must have been filled. Values are compared
    as float32, as scikit-learn does. Nodes are stored as in `models.forest`: in pre-order, tree
    after tree, -1 for the column of a leaf.

    >>> nodes = trees.Forest(
    ...     starts=np.array([0, 3], dtype=np.int32), feature=np.array([0, -1, -1], dtype=np.int32),
    ...     threshold=np.array([5.0, 0.0, 0.0], dtype=np.float32),
    ...     cover=np.array([4, 3, 1], dtype=np.int32))
    >>> boosted = BoostedTrees(2, nodes, value=np.array([0.0, -0.4, 0.8]), start=-1.0)
    >>> x = np.array([[1.0, 0.0], [9.0, 0.0]])
    >>> boosted.score(x).round(6).tolist(), round(boosted.base, 6)
    ([-1.4, -0.2], -1.1)
    >>> boosted.contributions(x)[1].round(6).tolist()
    [[-0.3, 0.0], [0.9, 0.0]]

    References
    ----------
    Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics
    29(5), 2001, doi:10.1214/aos/1013203451.
    Lundberg et al., "From local explanations to global understanding with explainable AI for
    trees", Nature Machine Intelligence 2020, doi:10.1038/s42256-019-0138-9.
    """

    n_features: int
    nodes: trees.Forest
    value: Vector
    """Of each node; only those of leaves count."""
    start: float
    base: float = field(init=False)
    """Mean score over the rows that the trees were grown on."""
    _walk: trees.Walk = field(init=False, repr=False)
    _explain: trees.Explain = field(init=False, repr=False)

    def __post_init__(self) -> None:
        links = trees.link(self.nodes)
        root, is_leaf = _roots(self.nodes), self.nodes.feature < 0
        share = self.nodes.cover / self.nodes.cover[root]
        for name, derived in (
            ("base", self.start + float((self.value * share)[is_leaf].sum())),
            ("_walk", trees.walk_tables(self.nodes, links, self.value)),
            ("_explain", trees.explain_tables(self.nodes, links, self.value)),
        ):
            object.__setattr__(self, name, derived)

    @property
    def n_trees(self) -> int:
        """How many trees there are."""
        return int(self.nodes.starts.size - 1)

    def score(self, x: Matrix) -> Vector:
        """The log-odds of each row."""
        out = np.empty(x.shape[0])
        trees.walk(rows(x, self.n_features), *self._walk, 1.0, out)
        return out + self.start

    def contributions(self, x: Matrix) -> tuple[float, Matrix]:
        """The base and, per row and column, the column's Shapley value."""
        out = np.empty(x.shape)
        trees.explain(rows(x, self.n_features), self._explain, 1.0, out)
        return self.base, out

    def arrays(self) -> dict[str, Array]:
        """The nodes, the leaves' values and where the sum starts."""
        own: dict[str, Array] = dict(self.nodes._asdict())
        return own | {"value": self.value, "start": np.array([self.start])}

    @classmethod
    def from_arrays(cls, arrays: Arrays, *, n_features: int) -> Self:
        """Build from `arrays()`; every index must lie in its bounds and the trees be whole."""
        size = arrays["feature"].shape[0] if "feature" in arrays else None
        nodes = trees.Forest(
            starts=take(arrays, "starts", np.int32, (None,)),
            feature=take(arrays, "feature", np.int32, (None,)),
            threshold=take(arrays, "threshold", np.float32, (size,)),
            cover=take(arrays, "cover", np.int32, (size,)),
        )
        _check_nodes(nodes, n_features)
        value = take(arrays, "value", np.float64, (size,))
        start = take(arrays, "start", np.float64, (1,))
        return cls(n_features, nodes, value, float(start[0]))


def _roots(nodes: trees.Forest) -> trees.Nodes:
    """The root of each node's tree."""
    starts = nodes.starts
    return np.repeat(starts[:-1], np.diff(starts))


def _check_nodes(nodes: trees.Forest, n_features: int) -> None:
    """Refuse indices out of bounds, before any kernel follows one."""
    starts, feature = nodes.starts, nodes.feature
    if starts.size < _FEWEST_STARTS or starts[0] != 0 or starts[-1] != feature.size:
        raise CorruptBundleError("array 'starts' must part the nodes into trees")
    if not (np.diff(starts) > 0).all():
        raise CorruptBundleError("array 'starts' holds an empty tree")
    if not ((feature >= -1) & (feature < n_features)).all():
        raise CorruptBundleError(f"array 'feature' must lie in -1..{n_features - 1}")
    if not (nodes.cover >= 1).all():
        raise CorruptBundleError("array 'cover' must be positive")
