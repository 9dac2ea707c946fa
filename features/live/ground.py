"""What all live views of one scenario over one ledger stand on."""

from collections.abc import Mapping
from typing import Any, Protocol

from features.live.plan import LivePlan
from features.live.streams import Streams
from features.spec import KeyZ, Scenario
from features.store.codes import Codes
from features.store.history import HistoryStore, Sizes
from features.store.keys import no_rows
from features.store.ledger import Ledger


class Comparing(Protocol):
    """What compares keys with keys; an engine sets it."""

    def compared(self, view: Any, of: KeyZ) -> tuple[float, int]:  # noqa: ANN401  (a view stands on the ground)
        """Value and status of the feature, for the event of a view."""
        ...


class Ground:
    """Streams, plan, codes and histories of one scenario; made when an engine opens.

    To be made inside a transaction: the plan gives codes to the texts it compares with.
    """

    def __init__(self, ledger: Ledger, scenario: Scenario, sizes: Sizes) -> None:
        self.ledger = ledger
        self.scenario = scenario
        self.currency, self.calendar = ledger.profile(scenario.name)
        self.streams = Streams(scenario)
        self.codes = Codes(ledger.connection)
        self.plan = LivePlan(scenario, self.streams, self.codes)
        shapes = [self.plan.shape(number) for number in range(len(self.streams.all))]
        self.store = HistoryStore(ledger.connection, scenario.name, shapes, sizes)
        self.numbers = self._numbers()
        self.snapshots: Comparing | None = None
        self.empty = tuple(no_rows(shape.columns, 0) for shape in shapes)

    def _numbers(self) -> Mapping[str | None, frozenset[str]]:
        """Columns that hold integers, of the scenario (None) and of its sources."""
        found: dict[str | None, frozenset[str]] = {None: frozenset(self.scenario.numbers)}
        for source in self.scenario.sources:
            found[source.scenario] = frozenset(source.numbers)
        return found
