"""Features on Spark and Dask: the bits of the local build, all of them or none."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from features import cluster
from features.build import build
from features.contracts.errors import (
    ConflictError,
    InputError,
    LianjingError,
    UnreadableSourceError,
)
from features.scenarios import catalog
from tests.bench import cluster as bench

ROWS = 2_500
_SHIPPED = catalog.load("payouts")
PAYOUTS = replace(
    _SHIPPED,
    features=tuple(one for one in _SHIPPED.features if getattr(one.of, "source", None) is None),
    rules=(),
    patterns=(),
    sources=(),
)
"""Payouts by themselves, without what is looked up elsewhere."""


@pytest.fixture(scope="module")
def spark() -> Iterator[None]:
    """A session with two workers on this machine, which every build of the module uses."""
    from features.cluster.spark import local_session  # noqa: PLC0415  (an extra)

    session = local_session(cores=2)
    yield
    session.stop()


@pytest.fixture
def workers() -> Iterator[None]:
    """A Dask client with two workers, each a process of its own."""
    from distributed import Client, LocalCluster  # noqa: PLC0415  (an extra)

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as processes,
        Client(processes),
    ):
        yield


def _assert_equal(found: bench.Compared) -> None:
    assert {name for name, wrong in found.different.items() if wrong} == set()
    assert found.cells > ROWS * len(bench.EXPRESSIONS) / 2


@pytest.mark.needs("spark", "java")
@pytest.mark.usefixtures("spark")
def test_spark_gives_the_bits_of_the_local_build() -> None:
    """Late rows, corrections, divided keys, measures of measures, sources, snapshots: no cell."""
    _assert_equal(bench.compare("spark", ROWS, parts=3))


@pytest.mark.needs("spark", "java")
@pytest.mark.usefixtures("spark")
def test_what_a_spark_worker_finds_wrong_is_said_as_if_it_were_found_here(tmp_path: Path) -> None:
    """An error of ours keeps its class and its words, without Java's."""
    _payouts(category=["K", " "]).write_parquet(tmp_path / "events.parquet")
    with pytest.raises(InputError, match=r"^column 'category' holds blank text in 1 row"):
        cluster.build([tmp_path / "events.parquet"], PAYOUTS, tmp_path / "out", engine="spark")


@pytest.mark.needs("dask")
@pytest.mark.usefixtures("workers")
def test_dask_gives_the_bits_of_the_local_build() -> None:
    """The same between processes of Dask."""
    _assert_equal(bench.compare("dask", ROWS, parts=3))


@pytest.mark.needs("dask")
@pytest.mark.parametrize(("rows", "parts"), [(40, 1), (300, 2), (900, 11)])
def test_neither_size_nor_number_of_parts_shows(rows: int, parts: int) -> None:
    """Small histories in few and in many buckets, on threads of this process."""
    assert sum(bench.compare("dask", rows, parts=parts).different.values()) == 0


def _payouts(**columns: list[object]) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    given = {"effective_at": [10**15 + k for k in range(n)], "amount_minor": list(range(n))}
    return pl.DataFrame({"enterprise": ["E"] * n, **given, **columns})


def _files(folder: Path, *frames: pl.DataFrame) -> list[Path]:
    folder.mkdir()
    for number, frame in enumerate(frames):
        frame.write_parquet(folder / f"{number}.parquet")
    return sorted(folder.iterdir())


def _built(paths: list[Path], out: Path) -> pl.DataFrame:
    cluster.build(paths, PAYOUTS, out, engine="dask", partitions=2)
    return pl.concat(pl.read_parquet(part) for part in sorted(out.iterdir()))


@pytest.mark.needs("dask")
def test_files_may_lack_columns_that_others_have(tmp_path: Path) -> None:
    """What a file lacks is empty in its rows, as in the local build; keys may be numbers."""
    paths = _files(
        tmp_path / "events",
        _payouts(officer=pl.Series([7, None, 7], dtype=pl.Int16).to_list()),
        _payouts(enterprise=["E", "F"]).with_columns(officer=pl.lit(None, pl.Int64)),
        _payouts(category=["K", "K"]).drop("amount_minor"),
    )
    with pytest.raises(InputError, match="column 'amount_minor' is empty in 2 row"):
        _built(paths, tmp_path / "out")
    paths[2].unlink()
    build(paths[:2], PAYOUTS, tmp_path / "here.parquet")

    here = pl.read_parquet(tmp_path / "here.parquet")
    assert here.equals(_built(paths[:2], tmp_path / "out"))
    assert here["n_1d_by_officer"].to_list().count(None) > 0


@pytest.mark.needs("dask")
@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"event_id": ["A", "B"]}, {"event_id": ["C", "A"]}, "2 rows share an event_id and ver"),
        ({"seq": [1, 2]}, {"seq": [3, 1]}, "'seq' gives several rows one place"),
    ],
)
def test_what_may_stand_once_is_looked_for_in_all_files(
    tmp_path: Path, first: dict[str, list[object]], second: dict[str, list[object]], message: str
) -> None:
    """An event version or a place in the order of learning in two files is a conflict."""
    paths = _files(tmp_path / "events", _payouts(**first), _payouts(**second))
    with pytest.raises(ConflictError, match=message):
        _built(paths, tmp_path / "out")


@pytest.mark.needs("dask")
def test_stated_places_are_the_order_of_learning(tmp_path: Path) -> None:
    """Rows that say when they were learned may stand in any order, over files too."""
    paths = _files(
        tmp_path / "events",
        _payouts(seq=[9, 1, 5], enterprise=["E", "E", "F"]),
        _payouts(seq=[2, 8, 3], enterprise=["F", "E", "E"]),
    )
    build(paths, PAYOUTS, tmp_path / "here.parquet")

    assert pl.read_parquet(tmp_path / "here.parquet").equals(_built(paths, tmp_path / "out"))


@pytest.mark.needs("dask")
def test_a_failed_build_leaves_the_old_parts(tmp_path: Path) -> None:
    """All or nothing, and nothing else is left behind."""
    good = _files(tmp_path / "events", _payouts(category=["K"] * 3))
    bad = _files(tmp_path / "others", _payouts(category=["K", " "]))
    before = _built(good, tmp_path / "out" / "parts")
    with pytest.raises(InputError, match="blank text"):
        _built(bad, tmp_path / "out" / "parts")

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["parts"]
    assert pl.read_parquet(tmp_path / "out" / "parts" / "*.parquet").equals(before)


@pytest.mark.needs("dask")
def test_events_that_are_not_scored_make_an_empty_part(tmp_path: Path) -> None:
    """The part has the columns all the same."""
    paths = _files(tmp_path / "events", _payouts(kind=["payout_cancelled"] * 2))
    found = _built(paths, tmp_path / "out")

    assert len(found) == 0
    assert set(PAYOUTS.by_name) < set(found.columns)


@pytest.mark.needs("dask")
def test_a_source_without_events_is_looked_at_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its counts are 0, as in the local build; where the folders are named from does not matter."""
    monkeypatch.chdir(tmp_path)
    paths = _files(Path("events"), bench.grants(60))
    sources = {"visits": _files(Path("visits"), bench.visits(0))}
    build(paths, bench.SCENARIO, Path("here.parquet"), sources=sources)
    cluster.build(
        paths, bench.SCENARIO, Path("there"), engine="dask", sources=sources, partitions=3
    )

    here = pl.read_parquet("here.parquet")
    assert here.equals(pl.read_parquet("there/*.parquet"))
    assert here["n_visits_60d_by_officer"].drop_nulls().unique().to_list() == [0.0]


@pytest.mark.needs("dask")
def test_progress_ends_where_it_said_it_would(tmp_path: Path) -> None:
    """Steps are told one after the other, the last as many as there are."""
    told: list[tuple[int, int, str]] = []
    paths = _files(tmp_path / "events", _payouts(category=["K"] * 3))
    cluster.build(
        paths, PAYOUTS, tmp_path / "out", engine="dask", progress=lambda *step: told.append(step)
    )

    assert [done for done, _, _ in told] == list(range(1, told[0][1] + 1))
    assert told[-1][2] == "parts written"


def _refused(tmp_path: Path) -> dict[str, tuple[type[LianjingError], str, dict[str, object]]]:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("kept")
    return {
        "engine": (InputError, "no engine 'flink'; choose one of spark, dask", {"engine": "flink"}),
        "folder": (InputError, "mine holds something else", {"out": tmp_path / "mine"}),
        "source": (InputError, "looks at events of 'visits'", {"scenario": bench.SCENARIO}),
        "file": (UnreadableSourceError, "none.parquet cannot be", {"paths": ["none.parquet"]}),
        "nothing": (UnreadableSourceError, "no file to read", {"paths": [tmp_path / "mine"]}),
    }


@pytest.mark.parametrize("what", ["engine", "folder", "source", "file", "nothing"])
def test_what_cannot_be_built_is_refused_before_anything_is_written(
    tmp_path: Path, what: str
) -> None:
    """The error names what is wrong and the way out."""
    error, message, changed = _refused(tmp_path)[what]
    events = bench.grants(9) if what == "source" else _payouts(category=["K"] * 3)
    paths = _files(tmp_path / "events", events)
    given = {"paths": paths, "scenario": PAYOUTS, "out": tmp_path / "out", "engine": "dask"}
    with pytest.raises(error, match=message):
        cluster.build(**(given | changed))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_an_engine_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says which extra to install."""
    monkeypatch.delitem(sys.modules, "features.cluster.dask", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    paths = _files(tmp_path / "events", _payouts(category=["K"] * 3))
    with pytest.raises(InputError, match=r"dask is not installed.*lianjing\[cluster\]"):
        _built(paths, tmp_path / "out")


@pytest.mark.needs("spark")
def test_spark_without_java_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the package."""
    from features.cluster.spark import local_session  # noqa: PLC0415  (an extra)

    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(InputError, match="default-jre-headless"):
        local_session()
