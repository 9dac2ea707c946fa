import gzip
from pathlib import Path

import pytest

from features.contracts.errors import UnreadableSourceError
from features.sources.read_xes import read_xes

SMALL = Path(__file__).parents[1] / "data" / "permits_small.xes"


def write(folder: Path, text: str | bytes, name: str = "log.xes") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_event_is_a_row_with_the_attributes_of_its_case() -> None:
    """Trace and event attributes keep apart by prefix; nested ones and lists are passed over."""
    first, second, third = read_xes(SMALL)

    assert first.cells == {
        "trace:concept:name": "case-1",
        "trace:channel": "Desk",
        "trace:deadline": "2014-05-30T00:00:00+02:00",
        "event:concept:name": "receive",
        "event:org:resource": "R1",
        "event:time:timestamp": "2014-04-11T00:00:00+02:00",
    }
    assert second.cells["event:concept:name"] == "check & sign"
    assert third.cells["trace:concept:name"] == "case-2"


def test_rows_know_their_line_and_their_place_in_the_case() -> None:
    """Positions start anew with every case."""
    assert [(row.line, row.position) for row in read_xes(SMALL)] == [(9, 1), (15, 2), (22, 1)]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_gzip_and_byte_order_mark_change_nothing(tmp_path: Path, mark: bytes) -> None:
    """Compressed and marked files read as the plain one."""
    path = write(tmp_path, gzip.compress(mark + SMALL.read_bytes()), "log.xes.gz")

    assert list(read_xes(SMALL)) == list(read_xes(path))


def test_prefixed_tags_are_the_same_tags(tmp_path: Path) -> None:
    """A namespace prefix does not hide a trace."""
    text = SMALL.read_text("utf-8").replace("<", "<x:").replace("<x:/", "</x:")
    text = text.replace("<x:?", "<?").replace("xmlns=", "xmlns:x=")

    assert list(read_xes(SMALL)) == list(read_xes(write(tmp_path, text)))


@pytest.mark.parametrize(
    "prologue",
    [
        '<!DOCTYPE log [<!ENTITY a "b">]>',
        '<!DOCTYPE log SYSTEM "file:///etc/hostname">',
        "<!DOCTYPE log>",
    ],
)
def test_document_types_are_refused(tmp_path: Path, prologue: str) -> None:
    """Neither inner nor outer entities get a chance."""
    with pytest.raises(UnreadableSourceError, match=r"log.xes, line 1: a document type"):
        list(read_xes(write(tmp_path, prologue + "<log/>")))


@pytest.mark.parametrize("text", ["", "<log><trace>", "no xml", "<html></html>", "<log>\x00</log>"])
def test_what_is_no_log_is_refused(tmp_path: Path, text: str | bytes) -> None:
    """The error names the file."""
    with pytest.raises(UnreadableSourceError, match=r"log\.xes"):
        list(read_xes(write(tmp_path, text)))


def test_a_cut_gzip_file_is_refused(tmp_path: Path) -> None:
    """Half a file is no file."""
    whole = gzip.compress(SMALL.read_bytes())
    with pytest.raises(UnreadableSourceError, match=r"cut\.xes\.gz"):
        list(read_xes(write(tmp_path, whole[: len(whole) // 2], "cut.xes.gz")))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(UnreadableSourceError, match=r"none\.xes"):
        list(read_xes(tmp_path / "none.xes"))


def test_a_log_without_cases_is_refused(tmp_path: Path) -> None:
    """A log that names no case is not the log that was meant."""
    text = '<log><string key="concept:name" value="empty"/></log>'
    with pytest.raises(UnreadableSourceError, match=r"log\.xes: the log has no <trace>"):
        list(read_xes(write(tmp_path, text)))


def test_a_log_without_events_has_no_rows(tmp_path: Path) -> None:
    """Empty is not broken."""
    assert list(read_xes(write(tmp_path, "<log><trace/></log>"))) == []
