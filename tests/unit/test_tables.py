"""The schemas of tables: what breaks a rule is named and counted, never repeated."""

import polars as pl
import pytest

from features import frames
from features.contracts.errors import InputError
from features.contracts.tables import check_features


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (pl.lit("P-1").alias("event_id"), "uniqueness in 6"),
        (pl.lit(None, pl.String).alias("kind"), "kind breaks not_nullable in 6"),
        (pl.lit(float("inf")).alias("f0"), "f0 breaks finite or null in 6"),
        (pl.lit(None, pl.Float64).alias("f0"), "f0 there when ok"),
        (pl.lit(7, pl.Int8).alias("f0.status"), "f0.status breaks in_range in 6"),
        (pl.lit(4, pl.Int8).alias("rule.over_cap"), "rule.over_cap breaks in_range in 6"),
        (pl.col("effective_at").reverse(), "rows in time order in 5"),
        (pl.lit(1).alias("extra"), "column extra is not declared"),
        (pl.col("seq").cast(pl.String), r"seq breaks dtype\('Int64'\)"),
    ],
)
def test_a_broken_feature_table_is_refused(make_table, change, rule):
    """Each rule of the schema names its column and how many rows break it."""
    frame = frames.to_polars(make_table(6))
    assert check_features(frame) is frame
    with pytest.raises(InputError, match=rule):
        check_features(frame.with_columns(change))


def test_a_missing_column_is_named(make_table):
    """A table without one of its id columns says which."""
    with pytest.raises(InputError, match="column subject is missing"):
        check_features(frames.to_polars(make_table(6)).drop("subject"))


def test_values_are_never_repeated(make_table):
    """A message about a key never holds the key."""
    frame = frames.to_polars(make_table(6)).with_columns(pl.lit("secret-key").alias("event_id"))
    with pytest.raises(InputError) as caught:
        check_features(frame)
    assert "secret-key" not in str(caught.value)
