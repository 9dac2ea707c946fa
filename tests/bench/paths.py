"""The same 26 features by every path, against batch, bit for bit.

The histories have ties, late rows, corrections and retractions. A path that this machine cannot
take is left out with the reason, and counts no cell.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from typing import Final

from features.frames import compute
from features.store.testing import binaries
from tests.bench import files, replay
from tests.bench.finding import Finding, Size, Tell
from tests.bench.history import History
from tests.bench.parity import bits
from tests.bench.scenario import scenario
from tests.bench.stored import CORRECTED_SHARE, LATE_SHARE

FILES: Final = {
    "shuffled": files.shuffled,
    "sliced": files.sliced,
    "spark": files.spark,
    "dask": files.dask,
}
LEDGERS: Final = {
    "memory": replay.in_memory,
    "sqlite": replay.in_sqlite,
    "postgresql": replay.in_postgresql,
}
FILE_SHARE: Final = 0.25
LEDGER_SHARE: Final = 0.042
"""Events of a path's history, as a share of the plain history's; of a ledger's, half stream in."""


@dataclass(frozen=True)
class Compared:
    """Cells of one path: compared, different by feature; or why there are none."""

    compared: int = 0
    different: Mapping[str, int] = field(default_factory=dict)
    left_out: str = ""

    @property
    def wrong(self) -> int:
        """Cells that differ."""
        return sum(self.different.values())


def compare(keys: Sequence[str], size: Size, tell: Tell) -> Finding:
    """Cells compared and cells that differ, on all paths and on the one with the fewest."""
    of_files = _over_files(int(FILE_SHARE * size.rows), tell)
    paths = of_files | _over_ledgers(int(LEDGER_SHARE * size.rows), tell)
    compared = [path.compared for path in paths.values()]
    wrong = sum(path.wrong for path in paths.values())
    figures = {
        "cells_compared": sum(compared),
        "cells_compared_least": min(compared),
        "cells_different": wrong,
    }
    detail = {name: asdict(path) for name, path in paths.items()}
    return Finding({key: figures[key] for key in keys}, {"paths": detail}, wrong)


def _over_files(rows: int, tell: Tell) -> dict[str, Compared]:
    events = History(rows, late_share=LATE_SHARE, corrected_share=CORRECTED_SHARE).frame()
    batch = compute(events, scenario("live"))
    found = {}
    for name, path in FILES.items():
        tell(f"26 features of {rows:,} events, {name}")
        missing = _missing(name)
        found[name] = (
            Compared(left_out=missing)
            if missing
            else Compared(batch.width * len(batch), bits(batch, path(events)))
        )
    return found


def _over_ledgers(rows: int, tell: Tell) -> dict[str, Compared]:
    found = {}
    for name, opened in LEDGERS.items():
        tell(f"26 features of {rows // 2:,} events one by one, {name}")
        missing = _missing(name)
        if missing:
            found[name] = Compared(left_out=missing)
            continue
        with opened() as ledger:
            found[name] = Compared(*replay.replayed(ledger, rows, tell))
    return found


def _missing(path: str) -> str:
    """What this machine lacks for a path; nothing where it can be taken."""
    if path == "spark" and (find_spec("pyspark") is None or shutil.which("java") is None):
        return "no PySpark or no Java"
    if path == "dask" and find_spec("distributed") is None:
        return "no Dask"
    if path == "postgresql" and binaries() is None:
        return "no PostgreSQL"
    return ""
