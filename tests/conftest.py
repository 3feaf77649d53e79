import os
import sys
from pathlib import Path

import pytest

# Equality to the bit is promised on CPUs, and no test may need a GPU. Set before any process state
# exists.
os.environ["ACCELERATE_USE_CPU"] = "true"
# One thread for each worker of pytest-xdist, so that they do not compete for cores.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

# helpers/ has plain modules that tests share, which pytest's importlib mode does not put on the
# path.
sys.path.insert(0, str(Path(__file__).parent / "helpers"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than cores: many tests wait for processes that they have started."""
    return (os.cpu_count() or 1) + 1
