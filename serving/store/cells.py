"""Feature vectors as text in a record, and back, without losing a bit.

Floats are written with `repr`, so that what is read is the very same number; NaN is written null.
"""

import json
import math
from typing import Any, Final

from features.contracts.vectors import Cell, FeatureVector
from features.contracts.verdicts import FeatureValue, Peers, Status

_NAN: Final = math.nan
_NOTHING: Final = (None, None, None, None)


def write(vector: FeatureVector) -> str:
    """The whole vector as compact JSON."""
    head = [
        vector.scenario,
        vector.spec_hash,
        vector.kernel_version,
        vector.as_of_seq,
        vector.peer_group,
    ]
    cells = [_flat(cell) for cell in vector.cells]
    return json.dumps([head, vector.names, cells], separators=(",", ":"), ensure_ascii=False)


def _flat(cell: Cell) -> list[Any]:
    value = float(cell.value)
    flat: list[Any] = [None if math.isnan(value) else value, str(cell.status)]
    compared = (cell.actual, cell.typical, cell.lo, cell.hi)
    if cell.peers is None and compared == _NOTHING:
        return flat
    peers = cell.peers and [cell.peers.key, cell.peers.level, cell.peers.n]
    return [*flat, *(None if part is None else float(part) for part in compared), peers]


def read(text: str) -> FeatureVector:
    """The vector that `write` wrote.

    >>> vector = FeatureVector("payouts", "s", "k", 7, ("n_30d",), (Cell(1.5, Status.OK),), "all")
    >>> read(write(vector)) == vector
    True
    """
    (scenario, spec_hash, kernel_version, as_of_seq, peer_group), names, cells = json.loads(text)
    return FeatureVector(
        scenario=scenario,
        spec_hash=spec_hash,
        kernel_version=kernel_version,
        as_of_seq=as_of_seq,
        names=tuple(names),
        cells=tuple(_cell(*flat) for flat in cells),
        peer_group=peer_group,
    )


def _cell(value: float | None, status: str, *compared: Any) -> Cell:  # noqa: ANN401  (JSON)
    known = _NAN if value is None else value
    if not compared:
        return Cell(known, Status(status))
    actual, typical, lo, hi, peers = compared
    group = None if peers is None else Peers(key=peers[0], level=peers[1], n=peers[2])
    return Cell(known, Status(status), actual, typical, lo, hi, group)


def numbers(text: str) -> list[float]:
    """The values alone, NaN where missing.

    >>> vector = FeatureVector("payouts", "s", "k", 7, ("n_30d",), (Cell(1.5, Status.OK),), "all")
    >>> numbers(write(vector))
    [1.5]
    """
    return [_NAN if cell[0] is None else cell[0] for cell in json.loads(text)[2]]


def values(text: str) -> tuple[FeatureValue, ...]:
    """The cells as a record shows them: value (null where missing) and status."""
    _, names, cells = json.loads(text)
    return tuple(
        FeatureValue.model_construct(feature=name, value=cell[0], status=Status(cell[1]))
        for name, cell in zip(names, cells, strict=True)
    )
