"""Bundles of earlier formats load and answer as they did, or are refused with the way out."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.errors import CorruptBundleError, IncompatibleBundleError
from models import Bundle
from models.arrays import Array
from models.bundle import ARRAYS, MANIFEST, SUMS
from models.checks import damaged
from models.manifest import FORMAT_VERSION
from serving.champion import Bundles
from tests.unit import stored
from tests.unit.forged import forge, put

STORED: Final = sorted(path for path in stored.FOLDER.iterdir() if path.is_dir())
PRESENT: Final = stored.FOLDER / f"v{FORMAT_VERSION}"
READ: Final = {PRESENT}
"""Formats that this version reads; earlier ones are refused."""
FILES: Final = (MANIFEST, ARRAYS, SUMS)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The small bundle, as this version builds it."""
    return stored.build()


def test_every_format_up_to_the_present_one_is_stored() -> None:
    """Whoever raises the format stores a bundle of it."""
    assert [path.name for path in STORED] == [f"v{n}" for n in range(1, FORMAT_VERSION + 1)]
    assert all(path.stat().st_size < 2**16 for folder in STORED for path in folder.iterdir())


@pytest.mark.parametrize("folder", STORED, ids=lambda path: path.name)
def test_a_stored_bundle_answers_as_it_did_or_names_the_way_out(folder: Path) -> None:
    """Scores and p-values bit for bit, contributions to 1e-9; only an older format is refused."""
    if folder not in READ:
        with pytest.raises(IncompatibleBundleError, match="train again or install the matching"):
            Bundle.load(folder)
        return
    loaded = Bundle.load(folder)
    expected = json.loads((folder / stored.EXPECTED).read_text(encoding="utf-8"))
    x = stored.numbers(expected["rows"])
    base, parts = loaded.contributions(x)
    scores = loaded.score(x)

    assert [float(score).hex() for score in scores] == expected["scores"]
    assert base == pytest.approx(float.fromhex(expected["base"]), rel=1e-9)
    np.testing.assert_allclose(parts, stored.numbers(expected["contributions"]), 1e-9, 1e-12)
    p_values = [loaded.calibration.p_value(float(score)).hex() for score in scores]
    assert p_values == expected["p_values"]
    assert loaded.threshold.hex() == expected["threshold"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 0}, "format 0, this version reads"),
        ({"format_version": FORMAT_VERSION + 1}, f"format {FORMAT_VERSION + 1}, this version"),
        (
            {"detectors": [{"name": "crystal_ball", "parameters": {}}]},
            "holds detector 'crystal_ball', this version knows",
        ),
    ],
)
def test_a_sound_bundle_of_another_version_names_the_way_out(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    """Older, newer, or with a detector that is not known here: incompatible, not corrupt."""
    manifest = json.loads((PRESENT / MANIFEST).read_bytes())
    put(tmp_path, {**manifest, **changes}, (PRESENT / ARRAYS).read_bytes())
    with pytest.raises(IncompatibleBundleError, match=message) as caught:
        Bundle.load(tmp_path)
    assert "train again or install the matching version" in str(caught.value)


def test_a_stored_bundle_of_another_spec_does_not_come_to_serve(tmp_path: Path) -> None:
    """The service asks for its own features; the bundle's are named, and what to do."""
    digest = Bundle.load(PRESENT).digest
    shutil.copytree(PRESENT, tmp_path / digest)
    assert Bundles(tmp_path, spec_hash="a" * 64).load(digest).digest == digest
    with pytest.raises(IncompatibleBundleError, match=r"spec aaaaaaaaaaaa.*train and promote"):
        Bundles(tmp_path, spec_hash="c" * 64).load(digest)


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(FILES),
    at=st.floats(0, 1, exclude_max=True),
    flip=st.integers(1, 255),
)
def test_a_byte_that_differs_is_refused(name: str, at: float, flip: int) -> None:
    """Whichever byte of whichever file, whatever becomes of it."""
    content = bytearray((PRESENT / name).read_bytes())
    content[int(at * len(content))] ^= flip
    _refused(name, bytes(content))


@settings(max_examples=100, deadline=None)
@given(name=st.sampled_from(FILES), at=st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_is_refused(name: str, at: float) -> None:
    """However much is left of it."""
    content = (PRESENT / name).read_bytes()
    _refused(name, content[: int(at * len(content))])


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(FILES), more=st.binary(min_size=1, max_size=40))
def test_a_file_with_more_in_it_is_refused(name: str, more: bytes) -> None:
    """Nothing may follow, not even what a reader would skip."""
    _refused(name, (PRESENT / name).read_bytes() + more)


def _refused(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for each in FILES:
            shutil.copyfile(PRESENT / each, Path(folder) / each)
        (Path(folder) / name).write_bytes(content)
        with pytest.raises(CorruptBundleError, match="promote again"):
            Bundle.load(Path(folder))


def test_every_damaged_array_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    """Missing, of another type or shape, empty, not a number, out of bounds; hashes fit."""
    taken = list[str]()
    for name, array in bundle.arrays().items():
        for damage, changed in (*damaged(array), *_beyond(array)):
            forge(bundle, tmp_path, {name: changed})
            try:
                Bundle.load(tmp_path)
            except CorruptBundleError:
                continue
            taken.append(f"{name} {damage}")
    assert taken == []


def _beyond(array: Array) -> Iterator[tuple[str, Array]]:
    """Whole numbers far above any bound, at either end."""
    if array.dtype.kind == "i":
        for at in (0, -1):
            changed = array.copy()
            changed.flat[at] = 2**30
            yield f"2**30 at {at}", changed


def test_arrays_of_another_bundle_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    """Sound files that do not belong together."""
    bundle.save(tmp_path)
    other = bundle.manifest.model_copy(update={"created_at": "2025-03-01T00:00:00Z"})
    (tmp_path / MANIFEST).write_bytes(other.to_bytes())
    with pytest.raises(CorruptBundleError, match=f"{SUMS}: does not match"):
        Bundle.load(tmp_path)


@pytest.mark.slow
def test_another_process_builds_the_same_bundle(bundle: Bundle) -> None:
    """Same data, seed and versions give one digest, whatever order hashes put sets in."""
    root = Path(stored.__file__).parents[2]
    command = "from tests.unit import stored; print(stored.build().digest)"
    for seed in ("1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", command],
            cwd=root, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == bundle.digest
