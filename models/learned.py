"""The part of a bundle that labels made: a labelled model and, where known, P(confirmed)."""

from dataclasses import dataclass
from typing import Final, Self

from features.contracts.errors import CorruptBundleError
from models.arrays import Array, Arrays, prefixed, section
from models.confirmed import Confirmed
from models.ensemble import Ensemble
from models.labelled import Labelled
from models.manifest import LearnedInfo

_LABELLED: Final = "labelled"
_CONFIRMED: Final = "confirmed"


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What takes the ensemble's place as a bundle's score, with what the manifest says of it."""

    info: LearnedInfo
    labelled: Labelled
    confirmed: Confirmed | None = None

    @classmethod
    def of(
        cls,
        labelled: Labelled,
        confirmed: Confirmed | None,
        *,
        n_labels: int,
        n_confirmed: int,
        n_reviewers: int,
        labels_sha256: str,
    ) -> Self:
        """The part, under its own line of the manifest."""
        info = LearnedInfo(
            n_labels=n_labels,
            n_confirmed=n_confirmed,
            n_reviewers=n_reviewers,
            labels_sha256=labels_sha256,
            n_trees=0 if labelled.boosted is None else labelled.boosted.n_trees,
            n_calibrated=0 if confirmed is None else confirmed.n,
        )
        return cls(info, labelled, confirmed)

    def arrays(self) -> dict[str, Array]:
        """Both parts' arrays, each under its name."""
        own = prefixed(self.labelled.arrays(), _LABELLED)
        if self.confirmed is None:
            return own
        return own | prefixed(self.confirmed.arrays(), _CONFIRMED)

    @classmethod
    def from_arrays(cls, arrays: Arrays, *, ensemble: Ensemble, info: LearnedInfo) -> Self:
        """Build from `arrays()`; sizes must be those in the manifest."""
        labelled = Labelled.from_arrays(section(arrays, _LABELLED), ensemble=ensemble)
        kept = section(arrays, _CONFIRMED)
        confirmed = Confirmed.from_arrays(kept) if kept else None
        found = cls.of(
            labelled,
            confirmed,
            n_labels=info.n_labels,
            n_confirmed=info.n_confirmed,
            n_reviewers=info.n_reviewers,
            labels_sha256=info.labels_sha256,
        )
        if found.info != info:
            raise CorruptBundleError("the manifest's learned trees or reviews are not those stored")
        return found
