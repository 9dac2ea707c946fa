"""Whether a platform tells of something at all, as of one live event."""

from features.contracts.events import Event, Stored
from features.declared import Need
from features.store.database import Value
from features.store.ledger import Ledger


class LiveTold:
    """Where in the ledger each need of a scenario's rules was first met, found once and kept.

    The ledger is looked through once for a need, from where the last look ended.
    """

    def __init__(self, ledger: Ledger, scenario: str) -> None:
        self._ledger, self._scenario = ledger, scenario
        self._first: dict[Need, int] = {}
        self._looked: dict[Need, int] = {}

    def is_told(
        self, need: Need, event: Event, as_of_seq: int, stored: Stored | None = None
    ) -> bool:
        """Whether `need` is for the event, or for one at that place of the ledger or before.

        An event that was loaded in bulk knows what was learned before it, wherever it stands.
        """
        if need.source is None and _is_for(need, event):
            return True
        if stored is not None and not stored.is_live:
            known = stored.observed_us, stored.seq
            return self._found(need, "(observed_us, seq) < (?, ?)", known) is not None
        if need not in self._first:
            self._look(need, as_of_seq)
        first = self._first.get(need)
        return first is not None and first <= as_of_seq

    def _look(self, need: Need, as_of_seq: int) -> None:
        looked = self._looked.get(need, 0)
        if looked >= as_of_seq:
            return
        found = self._found(need, "seq > ? AND seq <= ?", (looked, as_of_seq))
        if found is None:
            self._looked[need] = as_of_seq
        else:
            self._first[need] = found

    def _found(self, need: Need, where: str, parameters: tuple[Value, ...]) -> int | None:
        """The first place that `where` leaves open of an event that the need is for."""
        connection = self._ledger.connection
        text = need.field if need.field == "kind" else connection.json_text("fields", need.field)
        marks = ", ".join("?" * len(need.values))
        is_met = f"{text} IN ({marks})" if need.values else f"{text} IS NOT NULL"
        # the expression keeps the database from walking the scenario's own index
        sql = (
            f"SELECT seq FROM event WHERE scenario || '' = ? AND {is_met} AND {where} "  # noqa: S608
            "ORDER BY seq LIMIT 1"
        )
        row = connection.execute(
            sql, (need.source or self._scenario, *need.values, *parameters)
        ).fetchone()
        return None if row is None else int(row[0])

    def forget(self) -> None:
        """Drop what memory holds after a transaction was rolled back."""
        self._first.clear()
        self._looked.clear()


def _is_for(need: Need, event: Event) -> bool:
    value = event.kind if need.field == "kind" else event.fields.get(need.field)
    return value in need.values if need.values else value is not None
