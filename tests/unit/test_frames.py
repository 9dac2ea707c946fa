"""Feature tables survive files and frames bit for bit, and a changed file is noticed."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from features import frames
from features.contracts.errors import ConflictError, DeclarationError, UnreadableSourceError


def _assert_same(one, other):
    assert one.digest == other.digest
    assert one.infos == other.infos
    for name in ("effective_us", "seq", "kind", "subject", "peer_group", "amount_minor"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.rules["over_cap"], other.rules["over_cap"])


@pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
def test_a_table_comes_back_as_it_was(make_table, tmp_path, name):
    """Values are the same bits, missing stays missing, instants keep their microseconds."""
    table = make_table(50)
    frames.write(table, tmp_path / name)
    _assert_same(frames.read(tmp_path / name), table)


@pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
def test_only_one_kind_of_missing_is_kept(make_table, tmp_path, name):
    """A NaN with other bits is still only missing: the file reads back."""
    table = make_table(50)
    odd = replace(table, values=np.where(np.isnan(table.values), -np.nan, table.values))
    frames.write(odd, tmp_path / name)
    _assert_same(frames.read(tmp_path / name), table)


@pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
def test_no_rows_are_a_table_too(make_table, tmp_path, name):
    """A period without events has a table without rows."""
    frames.write(make_table(0), tmp_path / name)
    assert len(frames.read(tmp_path / name)) == 0


def test_odd_texts_survive_csv(make_table, tmp_path):
    """Commas, quotes, line breaks and Chinese names of keys come back."""
    table = replace(
        make_table(3), subject=np.array(['a,"b"', "", "第一\n局"]), peer_group=np.array(["1"] * 3)
    )
    frames.write(table, tmp_path / "table.csv")
    assert frames.read(tmp_path / "table.csv").subject.tolist() == ['a,"b"', "", "第一\n局"]


def test_a_changed_file_is_refused(make_table, tmp_path):
    """One value edited by hand no longer matches the digest beside it."""
    path = tmp_path / "table.csv"
    frames.write(make_table(5), path)
    text = path.read_text()
    path.write_text(text.replace("P-3", "P-9"))
    with pytest.raises(ConflictError, match="changed after it was written"):
        frames.read(path)


def test_a_failed_write_leaves_the_old_file(make_table, tmp_path):
    """All or nothing: what cannot be written does not spoil what was there."""
    path = tmp_path / "table.parquet"
    frames.write(make_table(5), path)
    clash = make_table(5)
    clash = replace(clash, infos=(clash.infos[0].model_copy(update={"name": "seq"}),) * 3)
    with pytest.raises(DeclarationError, match="called like id columns"):
        frames.write(clash, path)
    assert len(frames.read(path)) == 5
    assert [file.name for file in tmp_path.iterdir()] == ["table.parquet"]


def test_what_is_no_feature_table_is_refused(tmp_path):
    """Another extension, a missing file and a Parquet file of something else say so."""
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    for name in ("table.xlsx", "missing.parquet", "missing.csv", "other.parquet"):
        with pytest.raises(UnreadableSourceError, match=name):
            frames.read(tmp_path / name)


def test_pandas_sees_the_same_columns(make_table):
    """The pandas frame has the columns of the Polars frame and NaN where missing."""
    table = make_table(20)
    frame = frames.to_pandas(table)
    assert list(frame.columns) == frames.to_polars(table).columns
    np.testing.assert_array_equal(frame["f1"].to_numpy(), table.values[:, 1])
