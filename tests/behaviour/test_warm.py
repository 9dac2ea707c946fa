"""After warming up no caller waits for a compiler, whatever the event and the state of its keys."""

import json
import subprocess
import sys
from contextlib import closing
from datetime import timedelta

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from features.contracts.events import EPOCH, Event
from features.live.engine import LiveEngine
from features.scenarios import catalog
from features.spec import Scenario
from features.store.history import Sizes
from features.store.ledger import Ledger
from serving.warm import warm


def compiled() -> dict[str, int]:
    """Signatures of every kernel of the features that is loaded."""
    modules = [held for name, held in sys.modules.items() if name.startswith("features.")]
    return {
        f"{module.__name__}.{name}": len(held.signatures)
        for module in modules
        for name, held in vars(module).items()
        if isinstance(held, Dispatcher)
    }


def event(scenario: Scenario, number: int, rng: np.random.Generator) -> Event:
    """An event of few keys, now and then late, without a field, corrected or retracted."""
    is_again = number > 5 and rng.random() < 0.2
    of = int(rng.integers(number)) if is_again else number
    fields = {
        item.name: f"K{rng.integers(3)}" if item.kind in ("key", "category") else of + 1
        for item in scenario.fields
        if item.required or rng.random() < 0.95
    }
    return Event(
        scenario=scenario.name,
        kind=str(rng.choice(scenario.history)),
        event_id=f"E{of}",
        version=number + 1,
        effective_at=EPOCH + timedelta(days=20_000 + 3 * of + int(rng.integers(40))),
        retracted=is_again and rng.random() < 0.3,
        fields=fields,
    )


def live(scenario: Scenario, sizes: Sizes) -> None:
    """Events scored, appended, loaded behind the engine's back, forgotten and rebuilt."""
    rng = np.random.default_rng(1)
    with closing(Ledger.in_memory()) as ledger:
        engine = LiveEngine(ledger, scenario, sizes=sizes)
        for number in range(90):
            told = event(scenario, number, rng)
            if number % 10 == 9:
                ledger.admit([told])
                continue
            if not told.retracted:
                vector = engine.vector(told)
                engine.evidence(told, vector.names[number % len(vector.names)])
            with ledger.transaction():
                engine.append(ledger.append(told))
            if number % 30 == 29:
                engine.forget()
        engine.rebuild()
        engine.vector(event(scenario, 1_000, rng))


@pytest.mark.parametrize("name", catalog.NAMES)
def test_after_warming_up_nothing_is_left_to_compile(name: str) -> None:
    """In a fresh process: light keys and heavy ones, late events, corrections, a rebuild."""
    told = subprocess.run([sys.executable, __file__, name], capture_output=True, check=True)

    assert json.loads(told.stdout) == []


if __name__ == "__main__":
    wanted = catalog.load(sys.argv[1])
    warm(wanted)
    before = compiled()
    for cut in (Sizes(), Sizes(chunk_rows=4, heavy_rows=9, cache_rows=900)):
        live(wanted, cut)
    more = [name for name, n in compiled().items() if n > before.get(name, 0)]
    sys.stdout.write(json.dumps(more))
