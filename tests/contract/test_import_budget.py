"""What an import may load, seen from a fresh interpreter."""

import subprocess
import sys
from typing import Final

import pytest

TRAINING: Final = ("training", "models.fitting", "sklearn", "pyod", "mlflow", "pandas", "pandera")
HEAVY: Final = (*TRAINING, "shap", "matplotlib", "lightgbm", "torch", "IPython", "pyspark", "dask")
FRAMES: Final = ("polars", "pyarrow", "duckdb", "sqlalchemy", "alembic")
BUDGET: Final = {
    "serving.app": (*HEAVY, "bentoml", "alembic", "duckdb"),
    "serving.service": HEAVY,
    "serving.cli": (*HEAVY, *FRAMES, "numba", "bentoml", "fastapi"),
    "features": (*HEAVY, *FRAMES, "numba", "numpy"),
    "features.contracts": (*HEAVY, *FRAMES, "numba"),
    "features.batch": (*HEAVY, "bentoml", "fastapi", "alembic"),
    "features.live.engine": (*HEAVY, "bentoml", "fastapi", "alembic"),
    "features.spec": (*HEAVY, *FRAMES),
    "models": (*HEAVY, *FRAMES, "bentoml", "fastapi"),
}
LOADED: Final = """
import sys, warnings
warnings.simplefilter("ignore")
__import__(sys.argv[1])
print("\\n".join(name for name in sys.argv[2:] if name in sys.modules))
"""


@pytest.mark.parametrize("module", BUDGET)
def test_an_import_loads_no_more_than_it_may(module: str) -> None:
    """The service answers without the training stack; contracts come without a data frame."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, module, *BUDGET[module]],
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.split() == []


def test_the_budget_would_see_what_is_loaded() -> None:
    """The same look at the trainer finds the training stack."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "models.fitting.forest", *TRAINING],
        check=True,
        capture_output=True,
        text=True,
    )

    assert {"models.fitting", "sklearn"} <= set(done.stdout.split())
