"""Events of an XES log (IEEE 1849), read as a stream, plain or gzip.

Document types and entities are refused: a log has no use for them, and an attack has.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from features.contracts.errors import UnreadableSourceError
from features.sources.rows import RawRow, open_bytes

_CHUNK = 1 << 17


def read_xes(path: Path) -> Iterator[RawRow]:
    """Yield one row an event, keyed `trace:<attribute>` and `event:<attribute>`.

    `position` counts the events of a trace from 1, in file order. Attributes nested in attributes,
    and lists, are passed over. A log without any trace is refused.
    """
    handler = _LogHandler(path.name)
    with open_bytes(path) as file:
        while True:
            try:
                chunk = file.read(_CHUNK)
            except (EOFError, OSError, zlib.error) as error:
                raise UnreadableSourceError(f"{path.name}: {error}") from error
            handler.feed(chunk)
            yield from handler.take()
            if not chunk:
                handler.check_traces()
                return


class _LogHandler:
    """Collects the rows of each finished trace."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: list[RawRow] = []
        self._trace: dict[str, str] | None = None
        self._event: dict[str, str] | None = None
        self._events: list[tuple[int, dict[str, str]]] = []
        self._has_traces = False
        self._inside = 0
        self._depth = 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse

    def feed(self, chunk: bytes) -> None:
        """Parse the next bytes; none means the end."""
        try:
            self._parser.Parse(chunk, not chunk)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise UnreadableSourceError(f"{self._name}: no readable XML ({error})") from error

    def check_traces(self) -> None:
        """Refuse a log that held no trace."""
        if not self._has_traces:
            raise UnreadableSourceError(
                f"{self._name}: the log has no <trace>; export it again, with its cases"
            )

    def take(self) -> list[RawRow]:
        """The rows finished since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def _refuse(self, *_: object) -> None:
        raise UnreadableSourceError(
            f"{self._name}, line {self._parser.CurrentLineNumber}: a document type or entity "
            "declaration; remove it, an XES log needs none"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._trace is None:
            self._enter(tag)
        elif self._inside:
            self._inside += 1
        elif self._event is None and _local(tag) == "event":
            self._event = {}
            self._events.append((self._parser.CurrentLineNumber, self._event))
        else:
            self._inside = 1
            self._keep(attributes)

    def _enter(self, tag: str) -> None:
        name = _local(tag)
        if self._depth == 1 and name != "log":
            raise UnreadableSourceError(f"{self._name}: the root is <{name}>, not an XES <log>")
        if name == "trace":
            self._trace = {}
            self._has_traces = True

    def _keep(self, attributes: dict[str, str]) -> None:
        key, value = attributes.get("key"), attributes.get("value")
        if key is None or value is None or self._trace is None:
            return
        if self._event is None:
            self._trace[f"trace:{key}"] = value
        else:
            self._event[f"event:{key}"] = value

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._inside:
            self._inside -= 1
        elif self._event is not None:
            self._event = None
        elif self._trace is not None and _local(tag) == "trace":
            for position, (line, event) in enumerate(self._events, 1):
                self._rows.append(RawRow(line, position, self._trace | event))
            self._trace, self._events = None, []


def _local(tag: str) -> str:
    """The tag without a namespace prefix."""
    return tag.rpartition(":")[2]
