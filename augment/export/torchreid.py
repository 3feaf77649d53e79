"""Registers an exported set as a data set of torchreid.

    from augment.export.torchreid import register
    register("market_puppet", "exports/puppet-0.3")       # made by `augment export --format torchreid`
    torchreid.data.ImageDataManager(sources="market_puppet", train_sampler="RandomDatasetSampler",
    num_datasets=2)

torchreid's Market1501 reads such a folder, too, but does not distinguish real and generated images.
As two sources they would be two sets of people, because torchreid numbers the identities of each
source after those of the last. Here they are one data set, whose fourth field, dsetid, is 0 for
real images and 1 for generated ones: RandomDatasetSampler then draws a batch equally from both.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from augment.export.folder import THREADS
from augment.export.formats import DATASET, DATASET_COLUMNS
from augment.images import untrusted
from augment.prepared.index import SPLITS
from augment.prepared.market1501 import JUNK
from reid import torchreid_door

_registered: dict[str, Path] = {}


def register(name: str, folder: str | Path) -> None:
    """Register an export with torchreid as `name`.

    All images are decoded first, because torchreid hangs on a broken one. Classes of the training
    images follow the order of their pids. Junk (pid -1) is left out, as in torchreid; distractors
    (pid 0) stay in the gallery. Registering the same folder again under its name does nothing.

    Raises:
        FileNotFoundError: If the folder has no dataset.csv, or lacks an image.
        ValueError: If dataset.csv is not as the export writes it, an image cannot be decoded,
            torchreid is missing, or the name is taken.
    """
    folder = Path(folder).resolve()
    if name in _registered:
        if _registered[name] == folder:
            return
        raise ValueError(
            f"{name!r} is registered already, for {_registered[name]}; choose another name for {folder}"
        )
    rows = _read(folder)
    rows = rows[rows["pid"] != JUNK]
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in tqdm(
            pool.map(untrusted.read, rows["file"], chunksize=64),
            f"check {name}",
            len(rows),
            unit="img",
        ):
            pass
    classes = {
        pid: label
        for label, pid in enumerate(sorted(set(rows.loc[rows["split"] == "train", "pid"])))
    }
    items: dict[str, list[torchreid_door.Item]] = {split: [] for split in SPLITS}
    for file, pid, camid, split, dsetid in zip(
        *(rows[key] for key in ("file", *DATASET_COLUMNS[1:])), strict=True
    ):
        items[split].append(
            (str(file), classes[pid] if split == "train" else int(pid), int(camid), int(dsetid))
        )
    torchreid_door.register_images(name, *(items[split] for split in SPLITS))
    _registered[name] = folder


def _read(folder: Path) -> pd.DataFrame:
    """The rows of dataset.csv, with `file`."""
    table = folder / DATASET
    if not table.is_file():
        raise FileNotFoundError(
            f"{table}: not found; make the folder with `augment export --format torchreid`"
        )
    try:
        rows = pd.read_csv(
            table,
            dtype={"path": str, "split": str, "pid": "int64", "camid": "int64", "dsetid": "int64"},
        )
    except ValueError as error:
        raise ValueError(f"{table}: not as `augment export` writes it ({error})") from error
    if list(rows.columns) != DATASET_COLUMNS:
        raise ValueError(
            f"{table}: its columns are {', '.join(rows.columns)}; expected {', '.join(DATASET_COLUMNS)}"
        )
    for split in SPLITS:
        if not (rows["split"] == split).any():
            raise ValueError(
                f"{table}: no rows of split {split}; torchreid needs train, query and gallery"
            )
    if len(bad := rows.index[~rows["split"].isin(SPLITS)]):
        raise ValueError(
            f"{table}: row {bad[0] + 2}: split {rows.at[bad[0], 'split']!r} is not one of {', '.join(SPLITS)}"
        )
    files = [folder / path for path in rows["path"]]
    for file in files:
        untrusted.check_inside(file, folder)
    return rows.assign(file=files)
