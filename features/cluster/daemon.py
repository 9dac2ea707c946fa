"""What Spark forks workers from on this machine: a process with our steps loaded already.

Spark collects garbage after every task; what is loaded before is left out of that.
"""

import gc

from pyspark.daemon import manager

import features.cluster.pipeline as _steps  # noqa: F401  (loaded once, before workers are forked)

if __name__ == "__main__":
    gc.freeze()
    manager()
