"""Lists all pictures of a data set before any is drawn: who is photographed where and when."""

from dataclasses import dataclass

import numpy as np

from augment.data.mini_market.scenes import CAMERAS
from augment.prepared.market1501 import FOLDERS, JUNK, Name

BACKGROUNDS = "backgrounds"

# First words of the seeds, so that no two uses share random numbers.
IDS, PEOPLE, TRACKS, PICTURES, WORLD, PLAN = range(6)


@dataclass(frozen=True)
class Shot:
    """One picture.

    pid: goes into the name; 0 is a distractor, -1 junk
    person: seed of the person; None for a picture without one
    track: seed of place and time
    number: seed of the picture itself
    """

    folder: str
    pid: int
    camid: int
    sequence: int
    frame: int
    box: int
    person: tuple[int, ...] | None
    track: tuple[int, ...]
    number: tuple[int, ...]

    @property
    def name(self) -> str:
        return str(Name(self.pid, self.camid, self.sequence, self.frame, self.box))


def identities(seed: int, train_ids: int, test_ids: int) -> tuple[list[int], list[int]]:
    """Raw pids 1.. of the train and the test split: disjoint, interleaved, sorted."""
    order = np.random.default_rng([seed, IDS]).permutation(train_ids + test_ids) + 1
    return sorted(map(int, order[:train_ids])), sorted(map(int, order[train_ids:]))


def _cameras(rng: np.random.Generator) -> np.ndarray:
    """The cameras that capture a person: two to all, 4.4 on average as in Market-1501."""
    count = rng.choice([2, 3, 4, 5, 6], p=[0.06, 0.14, 0.3, 0.3, 0.2])
    return np.sort(rng.permutation(len(CAMERAS))[:count])


def _walk(seed: int, pid: int, camera: int, count: int) -> tuple[int, np.ndarray]:
    """(sequence, increasing frame numbers [count]) of a person's walk past a camera."""
    rng = np.random.default_rng([seed, PLAN, pid, camera])
    start = rng.integers(100, 95000)
    return int(rng.integers(1, 7)), start + np.cumsum(rng.integers(5, 60, count))


def identity_shots(seed: int, pid: int, count: int, queries: bool) -> list[Shot]:
    """`count` pictures of one identity, at least one per camera while `count` allows.

    With `queries` they go to the gallery, and every camera adds one query.
    """
    # A camera's number as the last word would repeat the draws of its walk.
    rng = np.random.default_rng([seed, PLAN, pid, len(CAMERAS)])
    seen = _cameras(rng)[: max(count, 1)]
    spread = np.concatenate([seen, rng.choice(seen, max(count - len(seen), 0))])[:count]
    shots = []
    for camera in map(int, seen):
        here = int((spread == camera).sum())
        sequence, frames = _walk(seed, pid, camera, here + queries)
        for k, frame in enumerate(map(int, frames)):
            query = queries and k == here
            folder = FOLDERS["query" if query else "gallery" if queries else "train"]
            box = 0 if query else int(rng.integers(1, 7))
            shots.append(
                Shot(
                    folder,
                    pid,
                    camera,
                    sequence,
                    frame,
                    box,
                    (pid,),
                    (pid, camera),
                    (pid, camera, k),
                )
            )
    return shots


def stray_shots(seed: int, pid: int, count: int, test_pids: list[int]) -> list[Shot]:
    """Gallery boxes without an identity.

    Distractors (pid 0) show strangers or no one; junk (pid -1) shows badly boxed people of the test
    split.
    """
    shots = []
    for k in range(count):
        rng = np.random.default_rng([seed, PLAN, 100_000 - pid, k])
        camera, sequence = int(rng.integers(len(CAMERAS))), int(rng.integers(1, 7))
        own = (100_000 - pid, k)
        if pid == JUNK:
            person = (test_pids[rng.integers(len(test_pids))],)
        else:
            person = own if rng.random() < 0.7 else None
        # The counter in the frame number makes the names unique.
        frame, box = 100 + 23 * k + int(rng.integers(23)), int(rng.integers(1, 7))
        shots.append(Shot(FOLDERS["gallery"], pid, camera, sequence, frame, box, person, own, own))
    return shots


def background_shots(count: int) -> list[Shot]:
    """Crops of all cameras without people, for networks that learn backgrounds."""
    own = [(200_000, k) for k in range(count)]
    cameras = len(CAMERAS)
    return [
        Shot(BACKGROUNDS, 0, k % cameras, 1, k // cameras, 0, None, own[k], own[k])
        for k in range(count)
    ]
