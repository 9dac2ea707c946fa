"""Codes: the integers that stand for texts in live histories, given once and kept."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from features.store.database import Database

_ALL: Final = "SELECT text, code FROM code"
_GIVE: Final = "INSERT INTO code (text) VALUES (?) ON CONFLICT (text) DO NOTHING"
_AT_ONCE: Final = 500
_MANY: Final = 1000
"""From so many texts on, the whole dictionary is read."""


class Codes:
    """Two-way dictionary of texts and codes in the database, held in memory as it is asked."""

    def __init__(self, connection: Database) -> None:
        self.connection = connection
        self._codes: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    @property
    def held(self) -> Mapping[str, int]:
        """The codes that memory holds."""
        return self._codes

    def code(self, text: str) -> int:
        """The code of `text`, given now where it has none."""
        held = self._codes.get(text)
        return held if held is not None else self._keep(text, self._given(text))

    def find(self, text: str) -> int | None:
        """The code of `text`, or None where it has none."""
        held = self._codes.get(text)
        if held is None:
            held = self._found(text)
            if held is not None:
                self._keep(text, held)
        return held

    def preload(self, texts: Iterable[str]) -> None:
        """Read the codes of those texts that have one into memory."""
        unknown = [text for text in dict.fromkeys(texts) if text not in self._codes]
        for k in range(0, len(unknown), _AT_ONCE):
            part = unknown[k : k + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            sql = f"SELECT text, code FROM code WHERE text IN ({marks})"  # noqa: S608
            self.learn(dict(self.connection.execute(sql, part).fetchall()))

    def learn(self, codes: Mapping[str, int]) -> None:
        """Take codes that were read into memory."""
        for text, code in codes.items():
            self._keep(text, code)

    def all_of(self, texts: Sequence[str]) -> list[int]:
        """The codes of many texts, given now where they have none."""
        if len(texts) < _MANY:
            return [self.code(text) for text in texts]
        held = dict(self.connection.execute(_ALL).fetchall())
        self.connection.executemany(_GIVE, [(text,) for text in texts if text not in held])
        held = dict(self.connection.execute(_ALL).fetchall())
        return [int(held[text]) for text in texts]

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
        found = self._found(text)
        if found is None:
            self.connection.execute(_GIVE, (text,))
            found = self._found(text)
        if found is None:
            message = f"the database gave no code for {text!r}"
            raise LookupError(message)
        return found

    def _found(self, text: str) -> int | None:
        row = self.connection.execute("SELECT code FROM code WHERE text = ?", (text,)).fetchone()
        return None if row is None else int(row[0])

    def _keep(self, text: str, code: int) -> int:
        self._codes[text] = code
        self._texts[code] = text
        return code
