"""Features on a cluster: the kernels of the local run on Spark or Dask, equal bit for bit."""

from features.cluster.pipeline import HEAVY_ROWS, build

__all__ = ["HEAVY_ROWS", "build"]
