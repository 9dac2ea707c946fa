"""Codes: the integers that stand for texts in live histories, given once and kept."""

import sqlite3


class Codes:
    """Two-way dictionary of texts and codes in the database, held in memory as it is asked."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._codes: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def code(self, text: str) -> int:
        """The code of `text`, given now where it has none."""
        held = self._codes.get(text)
        return held if held is not None else self._keep(text, self._given(text))

    def text(self, code: int) -> str | None:
        """The text of `code`; None for a missing value."""
        if code < 0:
            return None
        if code not in self._texts:
            row = self.connection.execute(
                "SELECT text FROM code WHERE code = ?", (code,)
            ).fetchone()
            self._keep(str(row[0]), code)
        return self._texts[code]

    def forget(self) -> None:
        """Drop what memory holds."""
        self._codes.clear()
        self._texts.clear()

    def _given(self, text: str) -> int:
        self.connection.execute("INSERT OR IGNORE INTO code (text) VALUES (?)", (text,))
        row = self.connection.execute("SELECT code FROM code WHERE text = ?", (text,)).fetchone()
        return int(row[0])

    def _keep(self, text: str, code: int) -> int:
        self._codes[text] = code
        self._texts[code] = text
        return code
