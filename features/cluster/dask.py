"""The only door to Dask: flows as delayed tasks, on the active client or on threads here.

A partition is one task that answers with a list of parcels. Frames travel between processes as
Arrow; an exchange cuts every partition by bucket, so that only what is asked for moves.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from dask.base import compute, persist
from dask.delayed import Delayed, delayed
from dask.system import CPU_COUNT
from distributed import default_client

from features.cluster.engine import Parcel, Step


class DaskFlow:
    """Parcels as delayed lists, one a partition."""

    def __init__(self, parts: Sequence[Delayed]) -> None:
        self.parts = list(parts)

    def map(self, step: Step) -> Self:
        """The flow of what `step` makes of each partition."""
        shared = delayed(step, traverse=False)
        return type(self)([delayed(_made, pure=False)(shared, part) for part in self.parts])

    def union(self, others: Sequence[Self]) -> Self:
        """The parcels of all flows, each where it is."""
        return type(self)([part for flow in (self, *others) for part in flow.parts])

    def exchange(self, n: int) -> Self:
        """The same parcels in `n` partitions, those of one bucket in one partition."""
        cut = [delayed(_cut, nout=n, pure=False)(part, n) for part in self.parts]
        join = delayed(_joined, pure=False)
        return type(self)([join([pieces[bucket] for pieces in cut]) for bucket in range(n)])

    def kept(self) -> Self:
        """The same parcels, made now and once, for several uses."""
        kept = type(self)(persist(*self.parts))
        compute(*[delayed(len, pure=False)(part) for part in kept.parts])
        return kept

    def drop(self) -> None:
        """Let go of what was kept."""
        self.parts = []

    def collected(self) -> list[Parcel]:
        """The parcels here, which must be few."""
        return [parcel for part in compute(*self.parts) for parcel in part]


class DaskEngine:
    """The active client's workers; without a client, threads of this process."""

    @property
    def width(self) -> int:
        """How many partitions are worked on at once."""
        try:
            return sum(default_client().nthreads().values())
        except ValueError:
            return CPU_COUNT

    def flow(self, parcels: Sequence[Parcel]) -> DaskFlow:
        """A flow with a partition a parcel."""
        return DaskFlow([delayed([parcel], traverse=False) for parcel in parcels])


@contextmanager
def opened() -> Iterator[DaskEngine]:
    """The engine; nothing is started, so nothing is stopped."""
    yield DaskEngine()


def _made(step: Step, parcels: list[Parcel]) -> list[Parcel]:
    return list(step(parcels))


def _cut(parcels: list[Parcel], n: int) -> list[list[Parcel]]:
    pieces: list[list[Parcel]] = [[] for _ in range(n)]
    for parcel in parcels:
        pieces[parcel.bucket % n].append(parcel)
    return pieces


def _joined(pieces: list[list[Parcel]]) -> list[Parcel]:
    return [parcel for piece in pieces for parcel in piece]
