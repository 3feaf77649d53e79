"""Seeds for all random draws of a training run.

A step's draws depend only on (seed, step).
"""

import numpy as np

# Streams of random numbers, one for each purpose, so that no two draws share a seed.
INITIALISE, SHUFFLE, AUGMENT, STATISTICS, DROPOUT = range(5)
SHUFFLE_GENERATED, SHUFFLE_IDENTITIES = 1_000_003, 1_000_004  # beyond DROPOUT + rank


def key(seed: int, stream: int, position: int) -> int:
    """A separate seed for each (seed, stream, position)."""
    return int(
        np.random.SeedSequence([seed, stream, position]).generate_state(1, np.uint64)[0] >> 1
    )
