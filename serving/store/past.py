"""The records of a scenario that a moving line is drawn from, whichever process stored them.

Read through the ledger's own connection, inside the transaction that judges: what is committed by
then is there, and nobody else stores meanwhile.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from features.store.database import Database
from models.bundle import Bundle
from serving.store import cells

_BEHIND: Final = (
    "SELECT record, record_id FROM record WHERE record > ? AND scenario || '' = ? "
    "ORDER BY record DESC LIMIT ?"
)
"""The concatenation keeps the planner on the primary key, from its end."""
_PAGE: Final = 500


class StoredScores:
    """Places and scores of a scenario's records.

    Parameters
    ----------
    connection
        The ledger's.
    scenario
        Its name.
    """

    def __init__(self, connection: Database, scenario: str) -> None:
        self._connection, self._scenario = connection, scenario

    def behind(self, place: int, limit: int) -> Sequence[tuple[int, str]]:
        """Places and ids of the latest `limit` records behind `place`, oldest first."""
        rows = self._connection.execute(_BEHIND, (place, self._scenario, limit)).fetchall()
        return [(int(number), str(record_id)) for number, record_id in reversed(rows)]

    def scores(self, places: Sequence[int], bundle: Bundle, digest: str) -> Mapping[int, float]:
        """Scores of those records that `bundle` scored, by their places.

        A vector and its bundle give the score of then, bit for bit.
        """
        found: dict[int, float] = {}
        for start in range(0, len(places), _PAGE):
            found |= self._page(places[start : start + _PAGE], bundle, digest)
        return found

    def _page(self, places: Sequence[int], bundle: Bundle, digest: str) -> dict[int, float]:
        marks = ", ".join("?" * len(places))
        sql = f"SELECT record, verdict, vector FROM record WHERE record IN ({marks})"  # noqa: S608
        own = f'"bundle_digest":"{digest}"'
        vectors = {
            int(number): cells.numbers(vector)
            for number, verdict, vector in self._connection.execute(sql, list(places)).fetchall()
            if own in verdict
        }
        if not vectors:
            return {}
        scores = bundle.score(np.array(list(vectors.values()))).tolist()
        return dict(zip(vectors, scores, strict=True))
