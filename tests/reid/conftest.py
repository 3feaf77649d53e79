import sys
from pathlib import Path

import pytest
import torch

# reid_toy.py is a plain module next to the tests, which pytest's importlib mode does not put on the
# path.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def one_thread():
    """With several threads the order of sums varies, and equal runs may differ in the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
