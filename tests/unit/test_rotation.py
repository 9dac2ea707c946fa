"""A rotation's pairs, adjusted for how many were tested, and the command that shows them.

Sixteen draws of one specialty fall on four agencies by turn, eight of an officer's, so that every p
of a pair is a fraction of C(16, 4) = 1820.
"""

import json
import math
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom, false_discovery_control

from features.calendar import Calendar
from features.contracts.events import Event, to_us
from features.contracts.vectors import Vector
from features.store.ledger import Ledger
from models.rotation import benjamini_hochberg
from training.rotation import pair_quarter_table, standing_out, table_of

Run = Callable[..., tuple[int, str, str]]

LATER: Final = datetime(2026, 1, 1, tzinfo=UTC)
AGENCIES: Final = ("P-A", "P-B", "P-C", "P-D")
DEALT: Final = {"P-A": 4, "P-B": 2, "P-C": 1, "P-D": 1}
"""Of four draws of each agency, those of officer O-Li; the others are O-Wu's."""
WAYS: Final = {1: 448, 2: 784, 3: 448, 4: 70}
"""C(8, k) C(8, 4 - k): ways in which k of an agency's four draws are one officer's."""
P_OF: Final = {
    4: 70 / 2 / 1820,
    2: (448 + 70 + 784 / 2) / 1820,
    1: (784 + 448 + 70 + 448 / 2) / 1820,
}
probabilities = arrays(np.float64, st.integers(1, 30), elements=st.floats(0.0, 1.0))


def draw(number: int, at: datetime, **fields: str) -> Event:
    """One draw of the specialty."""
    return Event(
        scenario="assignments",
        kind="assignment_drawn",
        event_id=f"RA-{number}",
        effective_at=at,
        fields={"specialty": "ZY-1"} | fields,
    )


def draws(first: datetime, dealt: dict[str, int] = DEALT) -> list[Event]:
    """A quarter's draws on the first four days of four weeks, the agencies by turn."""
    return [
        draw(
            100 * first.month + 4 * turn + at,
            first + timedelta(days=7 * turn + at),
            officer="O-Li" if turn < dealt[agency] else "O-Wu",
            agency=agency,
            owner=f"W-{turn}",
        )
        for turn in range(4)
        for at, agency in enumerate(AGENCIES)
    ]


SPRING: Final = draws(datetime(2025, 1, 6, 2, tzinfo=UTC))
SUMMER: Final = draws(datetime(2025, 5, 12, 2, tzinfo=UTC), dict.fromkeys(AGENCIES, 2))


def pairs_of(events: list[Event]) -> pl.DataFrame:
    """All pairs of the quarters that are over, each event learned when it happened."""
    learned = ((event, event.effective_us) for event in events)
    return pair_quarter_table(table_of(learned), Calendar.prc(), until_us=to_us(LATER))


def q_of(events: list[Event], quarter: str, officer: str) -> dict[str, float]:
    """The adjusted p of the officer's pairs of a quarter."""
    found = standing_out(pairs_of(events), level=1.0)
    found = found.filter(quarter=quarter, officer=officer, test="pair")
    return dict(found.select("agency", "q").iter_rows())


def test_a_p_is_adjusted_among_the_agencies_that_an_officer_could_have_met() -> None:
    """Four pairs: the least p counts four times, the next twice, no q exceeds a later one."""
    expected = {"P-A": 4 * P_OF[4], "P-B": P_OF[1], "P-C": P_OF[1], "P-D": P_OF[1]}

    assert q_of(SPRING, "2025Q1", "O-Li") == pytest.approx(expected)
    assert expected["P-A"] == pytest.approx(1 / 13)


def test_an_agency_that_was_not_met_counts_among_those_tested() -> None:
    """O-Wu met three of the four, so that the family is four: 3, 3 and 2 of four draws."""
    three = (70 + 448 / 2) / 1820
    expected = {"P-C": three * 4 / 2, "P-D": three * 4 / 2, "P-B": P_OF[2] * 4 / 3}

    assert q_of(SPRING, "2025Q1", "O-Wu") == pytest.approx(expected)


def test_what_another_quarter_or_officer_shows_changes_no_adjusted_p() -> None:
    """Each officer's quarter is a family of its own."""
    both = SPRING + SUMMER

    assert q_of(both, "2025Q1", "O-Li") == q_of(SPRING, "2025Q1", "O-Li")
    assert q_of(both, "2025Q2", "O-Li") == pytest.approx(dict.fromkeys(AGENCIES, P_OF[2]))


def triads(second_owner: int) -> list[Event]:
    """Twenty draws, five an agency: P-A's all of O-Li for W-1, some of P-B's of O-Li for W-2."""
    dealt = [("O-Li", "W-1", "P-A")] * 5 + [("O-Li", "W-2", "P-B")] * second_owner
    dealt += [("O-Wu", "W-3", "P-B")] * (5 - second_owner)
    dealt += [("O-Wu", "W-3", agency) for agency in ("P-C", "P-D") for _ in range(5)]
    first = datetime(2025, 1, 6, 2, tzinfo=UTC)
    return [
        draw(number, first + timedelta(days=number), officer=officer, owner=owner, agency=agency)
        for number, (officer, owner, agency) in enumerate(dealt)
    ]


@pytest.mark.parametrize(("second_owner", "counted"), [(5, 2), (4, 1)])
def test_an_owner_who_met_counts_among_all_who_could_have(second_owner: int, counted: int) -> None:
    """All five of an owner's draws at one agency: 1 / C(20, 5), halved, times the owners asked.

    An owner of the officer's with five draws could have met the agency; one with four is not asked.
    """
    pairs = pairs_of(triads(second_owner))
    (p,) = pairs.filter(officer="O-Li", agency="P-A")["triad_p"]

    assert p == pytest.approx(counted / math.comb(20, 5) / 2)


@given(probabilities, st.floats(0.001, 0.5))
def test_what_is_rejected_is_what_scipy_rejects(p: Vector, level: float) -> None:
    """At any level, and with the same q."""
    theirs = false_discovery_control(p)
    assume((np.abs(theirs - level) > 1e-9).all())
    ours = benjamini_hochberg(p)

    np.testing.assert_array_equal(ours <= level, theirs <= level)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@given(probabilities, st.integers(0, 20))
def test_a_larger_family_is_one_of_further_tests_that_found_nothing(p: Vector, more: int) -> None:
    """Those not given count as p = 1, and a missing p as none."""
    padded = false_discovery_control(np.concatenate([p, np.ones(more)]))
    with_gap = benjamini_hochberg(np.append(p, np.nan), family=len(p) + more)

    np.testing.assert_allclose(with_gap[:-1], padded[: len(p)], rtol=1e-12)
    assert np.isnan(with_gap[-1])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose ledger holds the spring's draws."""
    monkeypatch.setenv("LIANJING_HOME", str(tmp_path))
    with closing(Ledger.open(tmp_path / "ledger.db")) as ledger:
        ledger.admit(SPRING)
    return tmp_path


@pytest.fixture
def run(command: Run) -> Run:
    """`run("--level", 0.1)`: exit code, standard output, standard error of the command."""
    return partial(command, "rotation")


def stating(events: list[Event], **fields: int) -> list[Event]:
    """The same draws, each of which states these fields as well."""
    return [one.model_copy(update={"fields": {**one.fields, **fields}}) for one in events]


@pytest.fixture
def skipping(home: Path) -> None:
    """A later version in which O-Li passed over a head in four of eight draws, always for P-A."""
    again = [
        stated.model_copy(update={"version": 2})
        for one in SPRING
        for skips in [(one.fields["officer"], one.fields["agency"]) == ("O-Li", "P-A")]
        for stated in stating([one], queue_position=int(skips))
    ]
    with closing(Ledger.open(home / "ledger.db")) as ledger:
        ledger.admit(again)


@pytest.mark.usefixtures("skipping")
def test_all_draws_of_an_officer_are_tested_together(run: Run) -> None:
    """Heads passed over, and where to; q is among the tests of the officer's quarter."""
    document = json.loads(run("--json", "--level", 1.0)[1])
    found = [one for one in document["officers_standing_out"] if one["officer"] == "O-Li"]
    p = {one["test"]: one["p"] for one in found}
    four = binom.sf(4, 8, 0.03) + binom.pmf(4, 8, 0.03) / 2

    assert document["officer_quarters"] == 2
    assert p["skip_depth"] == pytest.approx(four)
    assert p["destination"] == pytest.approx(4 / 4**4 / 2)
    assert [one["q"] for one in found] == pytest.approx(
        sorted(false_discovery_control([one["p"] for one in found]))
    )


@pytest.mark.usefixtures("skipping")
def test_an_officer_who_stands_out_is_told_in_a_sentence(run: Run) -> None:
    """After the pairs, with p and q, in either language and the same plain words."""
    out = run("--quarter", "2025Q1")[1].splitlines()
    at = next(place for place, line in enumerate(out) if "skip_depth" in line)

    assert out[at].startswith("  1. 2025Q1  officer O-Li, all 8 draws  skip_depth  p ")
    assert out[at + 1].strip() == (
        "4 of 8 draws passed over the head (0.2 expected), 1.0 agencies each on average"
    )
    assert out[-1] == "2 officer-quarters tested, 1 differ from fair draws"
    assert "8次抽取中4次越过队首" in run("--language", "zh")[1]


@pytest.mark.usefixtures("home")
def test_a_draw_that_states_no_position_is_none_at_the_head(run: Run) -> None:
    """Nothing is said of heads passed over where no draw says who stood there."""
    found = json.loads(run("--json", "--level", 1.0)[1])["officers_standing_out"]

    assert not found


@pytest.mark.usefixtures("skipping")
def test_a_file_holds_officers_and_their_tests_too(run: Run, tmp_path: Path) -> None:
    """Rows without an agency."""
    run("--out", tmp_path / "all.csv")
    written = pl.read_csv(tmp_path / "all.csv").filter(test="skip_depth").sort("officer")

    assert written["officer"].to_list() == ["O-Li", "O-Wu"]
    assert written["agency"].null_count() == 2


@pytest.fixture
def by_lot(home: Path) -> None:
    """A later version in which each draw was one of five; one agency never came."""
    again = [one.model_copy(update={"version": 2}) for one in stating(SPRING, eligible=5)]
    with closing(Ledger.open(home / "ledger.db")) as ledger:
        ledger.admit(again)


@pytest.mark.usefixtures("by_lot")
def test_by_lot_a_pair_is_held_against_its_chance_in_each_draw(run: Run) -> None:
    """Four of eight draws where each had one chance in five, not where four draws were P-A's."""
    document = json.loads(run("--json", "--level", 1.0, "--drawn-by", "lot")[1])
    found = pl.DataFrame(document["standing_out"]).filter(test="pair", officer="O-Li")
    p = dict(found.select("agency", "p").iter_rows())
    of_counts = {k: binom.sf(k, 8, 0.2) + binom.pmf(k, 8, 0.2) / 2 for k in (1, 2, 4)}

    assert p == pytest.approx({agency: of_counts[k] for agency, k in DEALT.items()})


@pytest.mark.usefixtures("by_lot")
def test_a_ledger_that_was_told_of_turns_can_be_told_of_lots(run: Run) -> None:
    """Answers that differ change once; of seven, two come to the same "once in so many"."""
    assert "recorded 7 new" in run("--record")[1]
    assert "0 new, 5 changed by earlier records, 2 there" in run("--record", "--drawn-by", "lot")[1]
    assert "7 there already" in run("--record", "--drawn-by", "lot")[1]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The same draws as a platform exports them."""
    names = {"owner": "owner_code", "officer": "officer_code", "agency": "agency_code"}
    rows = [
        {"event_id": one.event_id, "kind": one.kind, "version": 1}
        | dict.fromkeys(("occurred_at", "recorded_at"), f"{one.effective_at:%Y-%m-%d %H:%M:%S}")
        | {names.get(name, name): value for name, value in one.fields.items()}
        for one in SPRING
    ]
    file = tmp_path / "draws.csv"
    pl.DataFrame(rows).write_csv(file)
    return file


@pytest.mark.usefixtures("home")
def test_the_command_names_who_stands_out_with_p_and_q(run: Run) -> None:
    """At a level of 0.1 one pair of the quarter is left: 70 ways of 1820, halved, four times."""
    code, out, _ = run("--level", 0.1)
    first, sentence, last, _ = out.splitlines()

    assert code == 0
    assert first == "  1. 2025Q1  officer O-Li, agency P-A, owner W-0  pair  p 0.019, q 0.077"
    assert sentence.strip() == "4 of 8 draws fell on the agency (2.0 expected)"
    assert last == "7 pair-quarters tested, 1 differ from fair draws"


@pytest.mark.usefixtures("home")
def test_at_the_usual_level_nobody_stands_out(run: Run) -> None:
    """q 0.077 is no finding, and that is said."""
    code, out, _ = run()

    assert code == 0
    assert out.splitlines() == [
        "7 pair-quarters tested, 0 differ from fair draws",
        "2 officer-quarters tested, 0 differ from fair draws",
    ]


@pytest.mark.usefixtures("home")
def test_programs_get_a_document_and_a_file_of_every_pair_and_test(
    run: Run, tmp_path: Path
) -> None:
    """What stands out as JSON; the file holds what does not, too."""
    code, out, _ = run("--level", 0.1, "--json", "--out", tmp_path / "all.csv")
    document, written = json.loads(out), pl.read_csv(tmp_path / "all.csv")

    assert code == 0
    assert document["pair_quarters"] == 7
    (found,) = document["standing_out"]
    assert (found["officer"], found["agency"], found["test"]) == ("O-Li", "P-A", "pair")
    assert found["q"] == pytest.approx(1 / 13)
    assert len(written.filter(test="pair")) == 7


def test_files_say_what_the_ledger_says(run: Run, home: Path, exported: Path) -> None:
    """Without a ledger, by the mapping of the platform's export."""
    assert home.is_dir()
    of_ledger = run("--level", 0.1)[1]
    of_files = run(exported, "--mapping", "simulated_assignments", "--level", 0.1)[1]

    assert of_files == of_ledger


@pytest.fixture
def without(run: Run, exported: Path) -> Run:
    """`without("officer_code", 3, "--json")`: the command on an export whose first rows lack it."""

    def ran(name: str, rows: int, *words: str) -> tuple[int, str, str]:
        table = pl.read_csv(exported).with_row_index("row")
        blank = pl.when(pl.col("row") >= rows).then(pl.col(name)).alias(name)
        table.with_columns(blank).drop("row").write_csv(exported)
        return run(exported, "--mapping", "simulated_assignments", *words)

    return ran


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("column", ["officer_code", "agency_code"])
def test_draws_without_a_name_are_counted_and_left_out(without: Run, column: str) -> None:
    """Three of sixteen, among them the one draw of O-Li and P-C, a pair that is not tested."""
    code, out, err = without(column, 3, "--json")
    document = json.loads(out)

    assert code == 0
    assert document["draws_not_tested"] == 3
    assert document["pair_quarters"] == 6
    assert "name no officer or no agency and are not tested: 3" in err


def test_draws_without_a_name_are_counted_in_their_own_quarter(run: Run, home: Path) -> None:
    """Two of the summer name no agency: none of the spring's is left out, and none is refused."""
    nameless = [one.model_copy(update={"fields": {**one.fields, "agency": None}}) for one in SUMMER]
    with closing(Ledger.open(home / "ledger.db")) as ledger:
        ledger.admit(nameless[:2] + SUMMER[2:])
    left = {
        words[1:]: json.loads(run("--json", *words)[1])["draws_not_tested"]
        for words in [("--quarter", "2025Q1"), ("--quarter", "2025Q2"), ()]
    }

    assert left == {("2025Q1",): 0, ("2025Q2",): 2, (): 2}


def test_a_quarter_of_which_no_draw_names_a_pair_is_refused(run: Run, home: Path) -> None:
    """Whatever other quarters name."""
    nameless = [one.model_copy(update={"fields": {**one.fields, "agency": None}}) for one in SUMMER]
    with closing(Ledger.open(home / "ledger.db")) as ledger:
        ledger.admit(nameless)

    assert run()[0] == 0
    assert "none of the 16 draws names both" in run("--quarter", "2025Q2")[2]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("column", ["officer_code", "agency_code"])
def test_draws_of_which_none_names_a_pair_are_refused(without: Run, column: str) -> None:
    """Nothing found would else read as nothing wrong."""
    code, out, err = without(column, 16)

    assert code != 0
    assert not out
    assert "none of the 16 draws names both officer and agency" in err
    assert "map them" in err


def test_the_ledger_is_told_once(run: Run, home: Path) -> None:
    """A second run finds the pair-quarters there already."""
    assert "recorded 7 new, 0 changed by earlier records, 0 there already" in run("--record")[1]
    assert "recorded 0 new, 0 changed by earlier records, 7 there already" in run("--record")[1]
    with closing(Ledger.open(home / "ledger.db")) as ledger:
        kinds = [one.event.kind for one in ledger.iter_events("assignments")]
    assert kinds.count("pair_quarter") == 7


@pytest.mark.parametrize(
    ("words", "offender", "way_out"),
    [
        (["--language", "fr"], "'fr'", "choose zh or en"),
        (["--quarter", "2025Q3"], "2025Q3", "name one such as 2025Q1"),
        (["draws.csv"], "files need a mapping", "--mapping simulated_assignments"),
        (["draws.csv", "--record"], "--record", "leave out FILES"),
        (["draws.csv", "--mapping", "nosuch"], "'nosuch'", "simulated_assignments"),
        (["missing.csv", "--mapping", "simulated_assignments"], "missing.csv", "no such file"),
        (["--out", "found.txt"], "found.txt", ".parquet"),
        (["--drawn-by", "lot"], "how many agencies were eligible", "map it to eligible"),
    ],
)
@pytest.mark.usefixtures("home")
def test_what_cannot_be_asked_is_answered_with_what_can(
    run: Run, words: list[str], offender: str, way_out: str
) -> None:
    """One line with the offender and the way out."""
    code, _, err = run(*words)
    (line,) = err.split("lianjing: ")[1].splitlines()

    assert code == 1
    assert offender in line
    assert way_out in line


@pytest.mark.usefixtures("home")
def test_a_row_that_cannot_be_read_is_told_with_its_column(run: Run, exported: Path) -> None:
    """A draw without an instant is left out, and named."""
    lines = exported.read_text().splitlines()
    lines[1] = lines[1].replace("2025-01-06", "sometime", 1)
    exported.write_text("\n".join(lines))
    code, out, _ = run(exported, "--mapping", "simulated_assignments")

    assert code == 0
    assert "rejected 1 of draws.csv: occurred_at" in out
