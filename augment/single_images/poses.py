"""Target poses: from an image, a keypoint file, a folder of either, a named sequence, or a list of
pairs.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from augment.data import pose_formats
from augment.images import untrusted
from augment.images.folder import find, problem
from augment.single_images import sequences
from augment.single_images.person import TORSO_NAMES, Joints, Person, has_torso

HEADER = ["from", "to"]  # of a list of pairs
MOST_BYTES, MOST_ROWS = 200_000_000, 1_000_000
KEYPOINT_SUFFIXES = (".csv", ".json", ".mat")


@dataclass(frozen=True)
class Pose:
    """A target pose.

    name: of the file that is written
    keypoints: float64 [18, 2] as (y, x) px of an image of `size`
    size: (height, width)
    """

    name: str
    keypoints: np.ndarray
    size: tuple[int, int]


@dataclass(frozen=True)
class Poses:
    """Poses in the order of their source.

    moving: whether they make an animation
    left_out: a sentence for each pose without a torso
    derived: as Joints has it
    """

    poses: list[Pose]
    moving: bool
    left_out: list[str]
    derived: tuple[str, ...] = ()


@dataclass(frozen=True)
class PoseOptions:
    """How to read `--pose`.

    frames, heading_degrees: of a named sequence
    size: (height, width) of the images that a keypoint file is about; None if to be derived
    """

    frames: int
    heading_degrees: float
    size: tuple[int, int] | None


def read_poses(given: str, person: Person, joints: Joints, options: PoseOptions) -> Poses:
    """The poses of `--pose`.

    Raises:
        FileNotFoundError: the file or folder is missing.
        ValueError: there is no usable pose; the message names the file.
    """
    if given in sequences.SEQUENCES:
        found = sequences.fitted(
            sequences.sequence(given, options.frames, options.heading_degrees), person.keypoints
        )
        named = [
            Pose(f"{given}_{number:03d}", keypoints, person.size)
            for number, keypoints in enumerate(found)
        ]
        return Poses(named, True, [])
    path = Path(given)
    if path.is_dir():
        return _of_folder(path, person, joints, options)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: not found; --pose wants an image, a keypoint file, a folder of either, "
            f"or {' or '.join(sequences.SEQUENCES)}"
        )
    if path.suffix.lower() in untrusted.SUFFIXES:
        return _usable([_of_image(path, joints)], path, False)
    found, derived = _of_file(path, person, options)
    return _usable(found, path, len(found) > 1, derived)


def _of_folder(folder: Path, person: Person, joints: Joints, options: PoseOptions) -> Poses:
    suffixes = (*untrusted.SUFFIXES, *KEYPOINT_SUFFIXES)
    listed = find(folder, suffixes=suffixes, recursive=False)
    for text in listed.problems:
        raise ValueError(text)
    files = [folder / name for name in listed.files]
    pictures = [path for path in files if path.suffix.lower() in untrusted.SUFFIXES]
    tables = [path for path in files if path not in pictures]
    if pictures and tables:
        raise ValueError(
            f"{folder}: holds images and keypoint files ({pictures[0].name}, {tables[0].name}); separate them, or give the "
            "keypoint file as --pose"
        )
    if not pictures and not tables:
        raise ValueError(
            f"{folder}: holds no image ({' '.join(untrusted.SUFFIXES)}) and no keypoint file (.csv .json .mat)"
        )
    found = [_of_image(path, joints) for path in tqdm(pictures, desc="joints", unit="img")]
    derived: tuple[str, ...] = ()
    for path in tables:
        poses, derived = _of_file(path, person, options)
        found += poses
    return _usable(found, folder, True, derived)


def _of_image(path: Path, joints: Joints) -> Pose:
    image = untrusted.read(path)
    return Pose(path.stem, joints.of(path, image), (image.height, image.width))


def _of_file(
    file: Path, person: Person, options: PoseOptions
) -> tuple[list[Pose], tuple[str, ...]]:
    with file.open("rb") as lines:
        if lines.readline(64).strip() == b"from,to":
            raise ValueError(f"{file}: is a list of pairs; give it as --pairs")
    found = pose_formats.read(file)
    poses = [
        Pose(Path(name).stem, keypoints, _size(file, name, keypoints, person, options))
        for name, keypoints in found.keypoints.items()
    ]
    return poses, found.derived


def _size(
    file: Path, name: str, keypoints: np.ndarray, person: Person, options: PoseOptions
) -> tuple[int, int]:
    """Size of the image that keypoints of a file belong to: as given; or that of an image of this name
    next to the file; or the source's.
    """
    if options.size is not None:
        return options.size
    beside = file.parent / Path(name).name
    if beside.suffix.lower() in untrusted.SUFFIXES and beside.is_file():
        image = untrusted.read(beside)
        return image.height, image.width
    reach = keypoints.max(0)
    if (reach < np.array(person.size)).all():
        return person.size
    raise ValueError(
        f"{file}: {name}: a joint at ({reach[0]:.0f}, {reach[1]:.0f}) lies outside the source image ({person.size[0]} x "
        f"{person.size[1]} px), so these are joints of a larger image: give its size by --pose-size HEIGHTxWIDTH"
    )


def _usable(found: list[Pose], where: Path, moving: bool, derived: tuple[str, ...] = ()) -> Poses:
    """The poses with a torso, under unique names."""
    kept, left_out, names = [], [], set()
    for pose in found:
        if not has_torso(pose.keypoints):
            left_out.append(f"{pose.name} shows no torso")
            continue
        name, number = pose.name, 2
        while name in names:
            name, number = f"{pose.name}_{number}", number + 1
        names.add(name)
        kept.append(Pose(name, pose.keypoints, pose.size))
    if not kept:
        raise ValueError(
            f"{where}: no pose with {TORSO_NAMES} was found there; use a clearer image, or give a keypoint file"
        )
    return Poses(kept, moving, left_out, derived)


def read_pairs(file: Path, root: Path) -> list[tuple[Path, Path]]:
    """(source, target) of each row of a list of pairs, `from,to` as PATN's, with paths below `root`.

    Raises:
        FileNotFoundError: the file, or an image in it, is missing.
        ValueError: another header, a malformed row, too many rows, or a path that leaves `root`; the
            message names file and row.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: not found")
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(
            f"{file}: has {file.stat().st_size:,} bytes; lists have at most {MOST_BYTES:,}: split it"
        )
    pairs = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.reader(lines)
            header = next(rows, [])
            if [cell.strip() for cell in header] != HEADER:
                raise ValueError(
                    f"{file}: row 1: expected the header 'from,to', found {','.join(header)[:60]!r}"
                )
            for number, row in enumerate(rows, start=2):
                if not row:
                    continue
                if len(row) != 2:
                    raise ValueError(f"{file}: row {number}: expected two names, found {len(row)}")
                if number > MOST_ROWS:
                    raise ValueError(f"{file}: has more than {MOST_ROWS:,} rows; split it")
                source, target = (
                    _inside(cell.strip(), root, f"{file}: row {number}") for cell in row
                )
                pairs.append((source, target))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: not a CSV file ({error})") from error
    if not pairs:
        raise ValueError(f"{file}: has no pair")
    return pairs


def _inside(name: str, root: Path, where: str) -> Path:
    path = root / name
    if text := problem(path, root):
        raise ValueError(f"{where}: {text}")
    if not path.is_file():
        raise FileNotFoundError(f"{where}: {path} not found; names are relative to --root")
    return path
