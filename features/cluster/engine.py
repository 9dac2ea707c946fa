"""What an engine is asked for: rows in parcels, brought to their buckets, and steps run on them.

An engine knows nothing of events or features. A step is a plain object that workers can unpickle;
it is given all parcels of one partition and makes new ones, each for the bucket that it names.
Steps sort what they are given, so the order in which parcels arrive cannot show in a result.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import polars as pl


@dataclass(frozen=True, slots=True)
class Parcel:
    """Rows on their way to a bucket; `of` says what they are."""

    bucket: int
    of: str
    frame: pl.DataFrame


class Step(Protocol):
    """What workers do with the parcels of a partition."""

    def __call__(self, parcels: Iterable[Parcel], /) -> Iterator[Parcel]:
        """New parcels from those given."""


@dataclass(frozen=True)
class Both:
    """Step: one step after another, in one process."""

    first: Step
    second: Step

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """What the second makes of what the first makes."""
        return self.second(self.first(parcels))


@dataclass(frozen=True)
class Only:
    """Step: parcels of one kind."""

    of: str

    def __call__(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """Those that are."""
        return (parcel for parcel in parcels if parcel.of == self.of)


class Flow(Protocol):
    """Parcels spread over workers, most of them yet to be made."""

    def map(self, step: Step) -> Self:
        """The flow of what `step` makes of each partition."""

    def union(self, others: Sequence[Self]) -> Self:
        """The parcels of all flows, each where it is."""

    def exchange(self, n: int) -> Self:
        """The same parcels in `n` partitions, those of one bucket in one partition."""

    def kept(self) -> Self:
        """The same parcels, made now and once, for several uses."""

    def drop(self) -> None:
        """Let go of what was kept."""

    def collected(self) -> list[Parcel]:
        """The parcels here, which must be few."""


class Engine(Protocol):
    """Where flows begin."""

    @property
    def width(self) -> int:
        """How many partitions are worked on at once."""

    def flow(self, parcels: Sequence[Parcel]) -> Flow:
        """A flow with a partition a parcel."""


def merged(parcels: Iterable[Parcel]) -> dict[int, dict[str, pl.DataFrame]]:
    """Rows of the parcels by bucket, and in it by what they are."""
    found: dict[int, dict[str, list[pl.DataFrame]]] = {}
    for parcel in parcels:
        found.setdefault(parcel.bucket, {}).setdefault(parcel.of, []).append(parcel.frame)
    return {
        bucket: {of: pl.concat(frames, rechunk=True) for of, frames in found[bucket].items()}
        for bucket in sorted(found)
    }


def split(frame: pl.DataFrame, by: str, of: str) -> Iterator[Parcel]:
    """One parcel for each bucket that column `by` names; the column itself stays behind."""
    for (bucket,), part in frame.partition_by(by, as_dict=True, include_key=False).items():
        yield Parcel(int(bucket), of, part)
