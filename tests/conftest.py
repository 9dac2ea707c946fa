"""What every test may rely on: skipping with a reason, or failing where nothing may be skipped."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

DATA: Final = Path(__file__).parents[2] / "shared" / "data"

HAVE: Final[Mapping[str, Callable[[], bool]]] = {
    "chromium": lambda: Path("/usr/bin/chromium").exists(),
    "data": DATA.is_dir,
    "java": lambda: shutil.which("java") is not None,
    "postgres": lambda: (
        shutil.which("pg_ctl") is not None or any(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    ),
}
MISSING: Final = {
    "chromium": "no /usr/bin/chromium: install Debian's package chromium",
    "data": "no ../shared/data beside the project",
    "java": "no java on the path: install Debian's package default-jre-headless",
    "postgres": "no pg_ctl: install Debian's package postgresql",
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose machine lacks what it needs; under STRICT=1 that is a failure."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            if HAVE[name]():
                continue
            if os.environ.get("STRICT") == "1":
                pytest.fail(f"STRICT=1 and {MISSING[name]}", pytrace=False)
            pytest.skip(MISSING[name])
