"""How long the simulator takes for a million payouts, beside its bar.

Run by `make bench-scenarios`; prints a table and writes `build/bench/simulator.json`. The district
is that of a large city: an enterprise for every five payouts, and the other scenarios as shipped.
"""

import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Final

from serving.cli import show
from tests.bench.bars import Bar
from training.simulate import SimulationConfig, simulate

PAYOUTS: Final = 1_000_000
PER_FIRM: Final = 5
OUT: Final = Path("build/bench/simulator.json")
BARS: Final = {
    "payouts_1m_s": Bar("seconds to draw, plant and write a million payouts", "<=", 120),
    "peak_gb": Bar("peak memory of the process"),
}


def measured(payouts: int = PAYOUTS) -> dict[str, float]:
    """Seconds and gigabytes that a district of so many payouts takes, from parameters to files."""
    config = SimulationConfig.load(
        {
            "horizon": {"format": "parquet"},
            "payouts": {"count": payouts},
            "district": {"firms": payouts // PER_FIRM},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        made = simulate(config, Path(folder))
        seconds = time.monotonic() - began
    if made.subjects["payouts"] < payouts:
        raise SystemExit(f"{made.subjects['payouts']:,} payouts were drawn of {payouts:,}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"payouts_1m_s": seconds, "peak_gb": peak}


def main() -> None:
    """Measure, show and write down."""
    values = measured()
    figures = {
        key: {"value": values[key], "bar": bar.text, "what": bar.what, "met": bar.met(values[key])}
        for key, bar in BARS.items()
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"figures": figures}, indent=2), encoding="utf-8")
    met = {True: "yes", False: "no", None: ""}
    rows = [
        (key, f"{values[key]:.1f}", bar.text, met[bar.met(values[key])], bar.what)
        for key, bar in BARS.items()
    ]
    columns = ["figure", "value #", "bar #", "met", "what"]
    show.table(f"simulator: {PAYOUTS:,} payouts", columns, rows)


if __name__ == "__main__":
    main()
