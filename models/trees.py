"""Kernels of the isolation forest: linking nodes, walking rows, exact Shapley values.

Walking uses perfect trees: every tree is padded to one depth, so that a step is arithmetic, not a
branch, and rows keep step. Shapley values use the multilinear extension: with `p` the chance that a
column is known, a node passes the factor `p [row goes there] + (1 - p) (share of training rows that
went there)`, and a column's Shapley value is the integral over p from 0 to 1 of the derivative by
that column. On a path of at most eight cuts the integrand is a polynomial of degree seven at most,
so four Gauss-Legendre points integrate it exactly, in two passes over the nodes.
"""

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.contracts.errors import CorruptBundleError
from features.contracts.vectors import Matrix, Vector

Nodes = NDArray[np.int32]
Singles = NDArray[np.float32]

MAX_DEPTH: Final = 8
"""Deepest path: 2**8 rows of a tree; four integration points are exact up to here."""
_BLOCK: Final = 64
"""Rows that walk a tree before the next tree's turn comes."""
_ROOT, _LEFT, _RIGHT = np.uint32(0), np.uint32(1), np.uint32(2)
"""Place of the root, and what is added to twice a node's place to get its children's."""
_POINTS: Final = 4
_ABSCISSA: Final = (
    np.array([-0.8611363115940526, -0.3399810435848563, 0.3399810435848563, 0.8611363115940526])
    + 1.0
) / 2.0
_WEIGHT: Final = (
    np.array([0.34785484513745385, 0.6521451548625461, 0.6521451548625461, 0.34785484513745385])
    / 2.0
)


class Forest(NamedTuple):
    """The stored form: nodes in pre-order, tree after tree."""

    starts: Nodes
    """Where each tree's nodes begin; one more at the end."""
    feature: Nodes
    """Column a node cuts, -1 for a leaf."""
    threshold: Singles
    """A row goes left where its value is at most this."""
    cover: Nodes
    """Training rows that reached the node."""


class Links(NamedTuple):
    """How the nodes hang together."""

    right: Nodes
    parent: Nodes
    depth: Nodes


class Walk(NamedTuple):
    """Perfect trees: per tree the cuts in heap order, then the values of the leaves."""

    feature: Nodes
    threshold: Singles
    value: Matrix
    depth: int


class Explain(NamedTuple):
    """Per node its cut, the box its column is confined to, and shares of the training rows."""

    starts: Nodes
    right: Nodes
    feature: Nodes
    cut: Singles
    """(nodes, 3): threshold, lower and upper bound of the column on the way here."""
    share: Matrix
    """(nodes, 2): product of the column's cover ratios above this node, and through its left."""
    value: Vector


class Work(NamedTuple):
    """Scratch of one row's explanation: (nodes of a tree, integration points)."""

    reach: Matrix
    below: Matrix
    step: Matrix
    gain: Matrix


@njit(cache=True, nogil=True)
def _link(feature: Nodes, starts: Nodes, links: Links) -> bool:
    """Fill the links; False where the nodes of a tree are not one whole tree of legal depth."""
    right, parent, depth = links.right, links.parent, links.depth
    waiting = np.empty(MAX_DEPTH + 1, np.int32)
    for t in range(starts.shape[0] - 1):
        top, above, whole = 0, -1, False
        for node in range(starts[t], starts[t + 1]):
            if whole:
                return False
            parent[node] = above
            depth[node] = 0 if above < 0 else depth[above] + 1
            if feature[node] >= 0:
                if depth[node] >= MAX_DEPTH:
                    return False
                waiting[top] = node
                top += 1
                above = node
            elif top > 0:
                top -= 1
                above = waiting[top]
                right[above] = node + 1
            else:
                whole = True
        if not whole:
            return False
    return True


def link(nodes: Forest) -> Links:
    """Links of the nodes, checked: whole trees, each node's rows parted between its children."""
    links = Links(*(np.full(nodes.feature.size, -1, dtype=np.int32) for _ in range(3)))
    if not _link(nodes.feature, nodes.starts, links):
        raise CorruptBundleError(f"array 'feature' must spell whole trees of depth <= {MAX_DEPTH}")
    inner = np.flatnonzero(nodes.feature >= 0)
    cover = nodes.cover
    if not (cover[inner + 1] + cover[links.right[inner]] == cover[inner]).all():
        raise CorruptBundleError("array 'cover' of a node must be the sum of its children's")
    return links


@njit(cache=True, nogil=True)
def _fill(nodes: Forest, right: Nodes, value: Vector, heap: Walk) -> None:
    """Put each node where it belongs in the perfect tree's heap order."""
    place = np.zeros(nodes.feature.shape[0], np.int32)
    inner = heap.feature.shape[1]
    for t in range(nodes.starts.shape[0] - 1):
        for node in range(nodes.starts[t], nodes.starts[t + 1]):
            at = place[node]
            if nodes.feature[node] >= 0:
                heap.feature[t, at] = nodes.feature[node]
                heap.threshold[t, at] = nodes.threshold[node]
                place[node + 1] = 2 * at + 1
                place[right[node]] = 2 * at + 2
            else:
                while at < inner:
                    at = 2 * at + 1
                heap.value[t, at - inner] = value[node]


def walk_tables(nodes: Forest, links: Links, value: Vector) -> Walk:
    """Perfect trees; where a tree is shallower, padding cuts send every row left."""
    depth = max(int(links.depth.max()), 1)
    n_trees, inner = nodes.starts.size - 1, (1 << depth) - 1
    heap = Walk(
        np.zeros((n_trees, inner), dtype=np.int32),
        np.full((n_trees, inner), np.inf, dtype=np.float32),
        np.zeros((n_trees, inner + 1)),
        depth,
    )
    _fill(nodes, links.right, value, heap)
    return heap


@njit(cache=True, nogil=True)
def walk(  # noqa: C901, PLR0912  (four rows side by side are written out)
    x: Matrix,
    feature: Nodes,
    threshold: Singles,
    value: Matrix,
    depth: int,
    unit: float,
    out: Vector,
) -> None:
    """`unit` times the sum of the leaves' values that each row falls into.

    A block of rows takes one tree after the other, four rows side by side: a tree is read once a
    block, and the processor need not wait for one row's step to take another's. A row's leaves are
    summed in the order of the trees in whatever block it is. Tables are those of a `Walk`, handed
    over one by one: out of a tuple their addresses would be looked up at every step.
    """
    inner, total = feature.shape[1], np.empty(_BLOCK)
    row = np.empty((_BLOCK, x.shape[1]), np.float32)
    for first in range(0, x.shape[0], _BLOCK):
        n = min(_BLOCK, x.shape[0] - first)
        for i in range(n):
            total[i] = 0.0
            for j in range(x.shape[1]):
                row[i, j] = np.float32(x[first + i, j])
        for t in range(feature.shape[0]):
            i = 0
            while i + 4 <= n:
                a, b, c, d = _ROOT, _ROOT, _ROOT, _ROOT
                for _ in range(depth):
                    a = 2 * a + (_LEFT if row[i, feature[t, a]] <= threshold[t, a] else _RIGHT)
                    b = 2 * b + (_LEFT if row[i + 1, feature[t, b]] <= threshold[t, b] else _RIGHT)
                    c = 2 * c + (_LEFT if row[i + 2, feature[t, c]] <= threshold[t, c] else _RIGHT)
                    d = 2 * d + (_LEFT if row[i + 3, feature[t, d]] <= threshold[t, d] else _RIGHT)
                total[i] += value[t, a - inner]
                total[i + 1] += value[t, b - inner]
                total[i + 2] += value[t, c - inner]
                total[i + 3] += value[t, d - inner]
                i += 4
            while i < n:
                a = _ROOT
                for _ in range(depth):
                    a = 2 * a + (_LEFT if row[i, feature[t, a]] <= threshold[t, a] else _RIGHT)
                total[i] += value[t, a - inner]
                i += 1
        for i in range(n):
            out[first + i] = unit * total[i]


@njit(cache=True, nogil=True)
def _confine(nodes: Forest, parent: Nodes, cut: Singles, share: Matrix) -> None:
    """Fill `cut` and `share` from the nearest cut of the same column above."""
    for node in range(nodes.feature.shape[0]):
        if nodes.feature[node] < 0:
            continue
        cut[node, 0], cut[node, 1], cut[node, 2] = nodes.threshold[node], -np.inf, np.inf
        child, above = np.int32(node), parent[node]
        while above >= 0 and nodes.feature[above] != nodes.feature[node]:
            child, above = above, parent[above]
        if above >= 0:
            left = child == above + 1
            cut[node, 1] = cut[above, 1] if left else cut[above, 0]
            cut[node, 2] = cut[above, 0] if left else cut[above, 2]
            share[node, 0] = share[above, 0] * nodes.cover[child] / nodes.cover[above]
        share[node, 1] = share[node, 0] * nodes.cover[node + 1] / nodes.cover[node]


def explain_tables(nodes: Forest, links: Links, value: Vector) -> Explain:
    """What the Shapley kernel needs of each node, earlier cuts of the same column folded in."""
    cut = np.zeros((nodes.feature.size, 3), dtype=np.float32)
    share = np.ones((nodes.feature.size, 2))
    _confine(nodes, links.parent, cut, share)
    return Explain(nodes.starts, links.right, nodes.feature, cut, share, value)


@njit(cache=True, nogil=True)
def _factor(node: int, at: int, v: float, tables: Explain, work: Work) -> None:
    """Per integration point: `step`, the factor to the left; `gain`, the column's derivative."""
    step, gain = work.step, work.gain
    above, left = tables.share[node, 0], tables.share[node, 1]
    inside = 1.0 if v <= tables.cut[node, 0] else 0.0
    if not tables.cut[node, 1] < v <= tables.cut[node, 2]:
        for q in range(_POINTS):
            step[at, q] = left / above
            gain[at, q] = 0.0
    elif above == 1.0:
        for q in range(_POINTS):
            step[at, q] = _ABSCISSA[q] * inside + (1.0 - _ABSCISSA[q]) * left
            gain[at, q] = inside - left
    else:
        for q in range(_POINTS):
            known = _ABSCISSA[q] + (1.0 - _ABSCISSA[q]) * above
            step[at, q] = (_ABSCISSA[q] * inside + (1.0 - _ABSCISSA[q]) * left) / known
            gain[at, q] = (inside - left - step[at, q] * (1.0 - above)) / known


@njit(cache=True, nogil=True)
def _descend(row: Singles, t: int, tables: Explain, work: Work) -> None:
    """Top-down: `reach`, the product of the factors above a node, folded into its `gain`."""
    feature, right, first = tables.feature, tables.right, tables.starts[t]
    reach, step, gain = work.reach, work.step, work.gain
    for q in range(_POINTS):
        reach[0, q] = _WEIGHT[q]
    for node in range(first, tables.starts[t + 1]):
        if feature[node] >= 0:
            at, other = node - first, right[node] - first
            _factor(node, at, row[feature[node]], tables, work)
            for q in range(_POINTS):
                gain[at, q] *= reach[at, q]
                reach[at + 1, q] = reach[at, q] * step[at, q]
                reach[other, q] = reach[at, q] - reach[at + 1, q]


@njit(cache=True, nogil=True)
def _ascend(t: int, tables: Explain, work: Work, i: int, out: Matrix) -> None:
    """Bottom-up: `below`, the factor-weighted value under a node; a cut gains what differs."""
    feature, right, first = tables.feature, tables.right, tables.starts[t]
    below, step, gain = work.below, work.step, work.gain
    for node in range(tables.starts[t + 1] - 1, first - 1, -1):
        at = node - first
        if feature[node] < 0:
            for q in range(_POINTS):
                below[at, q] = tables.value[node]
        else:
            other = right[node] - first
            total = 0.0
            for q in range(_POINTS):
                gap = below[at + 1, q] - below[other, q]
                below[at, q] = below[other, q] + step[at, q] * gap
                total += gain[at, q] * gap
            out[i, feature[node]] += total


@njit(cache=True, nogil=True)
def explain(x: Matrix, tables: Explain, unit: float, out: Matrix) -> None:
    """`unit` times each column's Shapley value of the sum over trees, for each row."""
    size = 0
    for t in range(tables.starts.shape[0] - 1):
        size = max(size, tables.starts[t + 1] - tables.starts[t])
    work = Work(
        np.empty((size, _POINTS)),
        np.empty((size, _POINTS)),
        np.empty((size, _POINTS)),
        np.empty((size, _POINTS)),
    )
    row = np.empty(x.shape[1], np.float32)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            row[j] = np.float32(x[i, j])
            out[i, j] = 0.0
        for t in range(tables.starts.shape[0] - 1):
            _descend(row, t, tables, work)
            _ascend(t, tables, work, i, out)
        for j in range(x.shape[1]):
            out[i, j] *= unit
