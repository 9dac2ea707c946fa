"""`lianjing conformance`: a table or a document, and exit code 3 where a promise is broken."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from features.contracts.errors import InputError
from models.fitting.plug_in import load_subject

PLUG_IN = Path(__file__).with_name("plug_in.py")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(command: Run) -> Run:
    """`run("NAME")`: exit code, standard output, standard error."""
    return partial(command, "conformance")


def test_a_plug_in_is_checked_from_its_file(run: Run) -> None:
    """Every check is a line; all are kept."""
    code, out, _ = run(f"{PLUG_IN}:SUBJECT")

    assert code == 0
    assert "median_distance: 18 of 18 checks passed; may be promoted" in out
    assert "BROKEN" not in out


@pytest.mark.filterwarnings("ignore:Precision loss occurred")
def test_a_broken_promise_is_exit_code_3(run: Run) -> None:
    """PyOD's ECOD as shipped; the message stands where the promise would."""
    code, out, _ = run("ECOD", "--json")
    (report,) = json.loads(out)["reports"]
    broken = {each["check"]: each["message"] for each in report["checks"] if not each["passed"]}

    assert code == 3
    assert not report["passed"]
    assert "ring of 1000 copies of a far row" in broken["ring_of_copies_is_still_flagged"]
    code, out, _ = run("ECOD")
    assert code == 3
    assert "cannot be promoted" in out
    assert "BROKEN" in out
    assert "Seen: ECOD" in out


def test_a_registered_detector_is_checked_alone_and_as_it_serves(run: Run) -> None:
    """By itself, and in an ensemble of its own, which knows names and missing values."""
    code, out, _ = run("ecdf", "--json")

    assert code == 0
    assert [len(report["checks"]) for report in json.loads(out)["reports"]] == [18, 21]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nothing.py:SUBJECT", "nothing.py: no such Python file"),
        ("no.such.module:SUBJECT", "no module 'no'"),
        (f"{PLUG_IN}:MedianDistance.name", "is no models.checks.Subject"),
        (f"{PLUG_IN}:", "neither a detector nor FILE.py:OBJECT"),
        ("models.checks:ROWS", "is no models.checks.Subject"),
    ],
)
def test_what_is_no_subject_is_refused(place: str, message: str) -> None:
    """One line that says what to name."""
    with pytest.raises(InputError, match=message):
        load_subject(place)


def test_a_subject_may_be_made_by_a_function(tmp_path: Path) -> None:
    """In a file or in a module."""
    path = tmp_path / "mine.py"
    path.write_text("from tests.unit.plug_in import SUBJECT\ndef make():\n    return SUBJECT\n")

    assert load_subject(f"{path}:make").name == "median_distance"
    assert load_subject("tests.unit.plug_in:SUBJECT").name == "median_distance"


def test_an_unknown_name_is_one_line(run: Run) -> None:
    """With the two ways to name one."""
    code, _, err = run("Crystal")

    assert code == 1
    assert "no such detector; take another, or name FILE.py:OBJECT" in err
