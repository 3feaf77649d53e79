"""Any folder of person crops. A regular expression on the path, or a table, gives the identity.

pattern: (?P<identity>[^/]+)/.*                                          one folder for each person
pattern: (?P<split>train|query|gallery)/(?P<identity>[0-9]+)_c(?P<camera>[0-9]+).*
table: crops.csv                                                         path,identity,camera,split
"""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from augment.data import split, table
from augment.data.listing import Found, Listing, find, frame, refuse, unread
from augment.data.params import DatasetParams, FolderParams, SplitParams

GROUPS = ("identity", "camera", "split")
SPLITS = {
    "train": "train", "bounding_box_train": "train", "query": "query", "gallery": "gallery",
    "test": "gallery", "bounding_box_test": "gallery",
}  # fmt: skip
PATIENCE_S = 20  # time limit for matching an expression with all paths
_LONGEST = 200  # characters of an identity or a camera


def list_images(root: Path, settings: DatasetParams) -> Listing:
    assert settings.folder is not None and settings.split is not None  # DatasetParams checks this
    found = find(root)
    refuse(found.problems)
    if settings.folder.table is None:
        rows, notes = _matched(root, found, settings.folder)
    else:
        rows, notes = table.read(Path(settings.folder.table), root, found)
    problems = [problem for row in rows.itertuples() if (problem := _problem(row))]
    if (rows["camera"] == "").any() and (rows["camera"] != "").any():
        bare = rows["camera"] == ""
        first = root / str(rows["file"][bare].iat[0])
        problems.append(
            f"{first}: has no camera, like {bare.sum():,} of {len(rows):,} images; give all images a camera or none"
        )
    refuse(problems)
    rows, drawn = with_split(rows, root, settings.split)
    return Listing(root, rows, notes=(*unread(found), *notes, *drawn))


def with_split(
    rows: pd.DataFrame, root: Path, params: SplitParams
) -> tuple[pd.DataFrame, list[str]]:
    """Draw missing splits, and choose queries if there are none."""
    has_split = rows["split"] != ""
    if not has_split.any():
        rows, note = split.draw(rows, params)
        return rows, [note]
    if not has_split.all():
        bare = rows["file"][~has_split]
        raise ValueError(
            f"{root / str(bare.iat[0])}: is in no split, like {len(bare):,} of {len(rows):,} images; "
            "give all images a split or none"
        )
    rows = rows.assign(split=rows["split"].str.lower().map(SPLITS))
    check_apart(rows, root)
    notes = []
    if not (rows["split"] == "query").any():
        rows = split.with_queries(rows, np.random.default_rng(params.seed))
        notes.append(
            f"drawn: {(rows['split'] == 'query').sum():,} images of the gallery become queries, because there are none"
        )
    for name in ("train", "query", "gallery"):
        if not (rows["split"] == name).any():
            raise ValueError(f"{root}: no image is in the split {name!r}")
    return rows, notes


def check_apart(rows: pd.DataFrame, root: Path) -> None:
    """Check that training and test identities are disjoint.

    Raises:
        ValueError: If an identity is in both the training and the test set.
    """
    is_train = rows["split"] == "train"
    both = rows[~is_train & rows["identity"].isin(set(rows["identity"][is_train]))]
    if len(both):
        raise ValueError(
            f"{root / str(both['file'].iat[0])}: its identity {both['identity'].iat[0]!r} is also in the training set, like "
            f"{both['identity'].nunique():,} identities of the test set; the two must be disjoint. If numbers restart in each "
            "split, `name: folder` can make the split part of the identity: (?P<identity>(train|test)/[0-9]+)"
        )


def _matched(root: Path, found: Found, params: FolderParams) -> tuple[pd.DataFrame, list[str]]:
    expression = _compiled(str(params.pattern))
    rows, strangers = [], []
    with _in_time(
        f"params.yaml: dataset.folder.pattern: takes more than {PATIENCE_S} s; avoid nested repeats such as (a+)+"
    ):
        for file in found.files:
            if match := expression.fullmatch(file):
                named = match.groupdict()
                rows.append((file, *((named.get(group) or "") for group in GROUPS), ""))
            else:
                strangers.append(file)
    if not rows:
        example = f", e.g. {strangers[0]!r}" if strangers else f"; no images below {root}"
        raise ValueError(
            f"params.yaml: dataset.folder.pattern: {params.pattern!r} matches no path of an image{example}"
        )
    notes = []
    if strangers:
        notes.append(
            f"{len(strangers):,} of {len(found.files):,} images left out, because dataset.folder.pattern does not match them, "
            f"e.g. {strangers[0]}"
        )
    return frame(rows), notes


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        expression = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(
            f"params.yaml: dataset.folder.pattern: {pattern!r} is not a regular expression ({error})"
        ) from error
    if unknown := sorted(set(expression.groupindex) - set(GROUPS)):
        raise ValueError(
            f"params.yaml: dataset.folder.pattern: unknown group {unknown[0]!r}; available: {', '.join(GROUPS)}"
        )
    if "identity" not in expression.groupindex:
        raise ValueError(
            f"params.yaml: dataset.folder.pattern: {pattern!r} has no group (?P<identity>...)"
        )
    return expression


def _problem(row: object) -> str | None:
    file, identity, camera, named = row.file, row.identity, row.camera, row.split  # type: ignore[attr-defined]
    if not identity.strip():
        return f"{file}: the identity is empty"
    for what, text in (("identity", identity), ("camera", camera)):
        if len(text) > _LONGEST:
            return (
                f"{file}: the {what} has {len(text):,} characters; at most {_LONGEST} are allowed"
            )
    if named and named.lower() not in SPLITS:
        return f"{file}: split {named[:40]!r} is not one of {', '.join(SPLITS)}"
    return None


@contextmanager
def _in_time(message: str) -> Iterator[None]:
    """Limit the time of a block to PATIENCE_S; without effect outside the main thread.

    Raises:
        ValueError: After PATIENCE_S.
    """
    if threading.current_thread() is not threading.main_thread() or "setitimer" not in vars(signal):
        yield
        return

    def ring(*_: object) -> None:
        raise ValueError(message)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
