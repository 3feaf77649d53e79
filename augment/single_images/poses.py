"""Target poses, from an image, a keypoint file, a folder of either, a sequence, or a list of pairs."""

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

HEADER = ["from", "to"]  # header of a list of pairs
MOST_BYTES, MOST_ROWS = 200_000_000, 1_000_000
KEYPOINT_SUFFIXES = (".csv", ".json", ".mat")


@dataclass(frozen=True)
class Pose:
    """A target pose.

    name: name of the file that is written
    keypoints: float64 [18, 2] as (y, x) px of an image of `size`
    size: (height, width)
    """

    name: str
    keypoints: np.ndarray
    size: tuple[int, int]


@dataclass(frozen=True)
class Poses:
    """Poses in the order of their source.

    moving: whether they form an animation
    left_out: a sentence for each pose without a torso
    derived: see Joints
    """

    poses: list[Pose]
    moving: bool
    left_out: list[str]
    derived: tuple[str, ...] = ()


@dataclass(frozen=True)
class PoseOptions:
    """How to read `--pose`.

    frames, heading_degrees: settings of a named sequence
    size: (height, width) of the images that a keypoint file describes; None to derive it
    """

    frames: int
    heading_degrees: float
    size: tuple[int, int] | None


def read_poses(pose: str, person: Person, joints: Joints, options: PoseOptions) -> Poses:
    """Read the poses of `--pose`.

    Raises:
        FileNotFoundError: If the file or folder is missing.
        ValueError: If no pose is usable; the message names the file.
    """
    if pose in sequences.SEQUENCES:
        frames = sequences.fitted(
            sequences.sequence(pose, options.frames, options.heading_degrees), person.keypoints
        )
        poses = [
            Pose(f"{pose}_{number:03d}", keypoints, person.size)
            for number, keypoints in enumerate(frames)
        ]
        return Poses(poses, True, [])
    path = Path(pose)
    if path.is_dir():
        return _of_folder(path, person, joints, options)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: not found; --pose takes an image, a keypoint file, a folder of either, "
            f"or {' or '.join(sequences.SEQUENCES)}"
        )
    if path.suffix.lower() in untrusted.SUFFIXES:
        return _usable([_of_image(path, joints)], path, False)
    poses, derived = _of_file(path, person, options)
    return _usable(poses, path, len(poses) > 1, derived)


def _of_folder(folder: Path, person: Person, joints: Joints, options: PoseOptions) -> Poses:
    suffixes = (*untrusted.SUFFIXES, *KEYPOINT_SUFFIXES)
    contents = find(folder, suffixes=suffixes, recursive=False)
    for text in contents.problems:
        raise ValueError(text)
    files = [folder / name for name in contents.files]
    pictures = [path for path in files if path.suffix.lower() in untrusted.SUFFIXES]
    tables = [path for path in files if path not in pictures]
    if pictures and tables:
        raise ValueError(
            f"{folder}: holds images and keypoint files ({pictures[0].name}, {tables[0].name}); separate them, or pass the "
            "keypoint file as --pose"
        )
    if not pictures and not tables:
        raise ValueError(
            f"{folder}: holds no images ({' '.join(untrusted.SUFFIXES)}) and no keypoint files (.csv .json .mat)"
        )
    poses = [_of_image(path, joints) for path in tqdm(pictures, desc="joints", unit="img")]
    derived: tuple[str, ...] = ()
    for path in tables:
        of_file, derived = _of_file(path, person, options)
        poses += of_file
    return _usable(poses, folder, True, derived)


def _of_image(path: Path, joints: Joints) -> Pose:
    image = untrusted.read(path)
    return Pose(path.stem, joints.of(path, image), (image.height, image.width))


def _of_file(
    file: Path, person: Person, options: PoseOptions
) -> tuple[list[Pose], tuple[str, ...]]:
    with file.open("rb") as lines:
        if lines.readline(64).strip() == b"from,to":
            raise ValueError(f"{file}: is a list of pairs; pass it as --pairs")
    imported = pose_formats.read(file)
    poses = [
        Pose(Path(name).stem, keypoints, _size(file, name, keypoints, person, options))
        for name, keypoints in imported.keypoints.items()
    ]
    return poses, imported.derived


def _size(
    file: Path, name: str, keypoints: np.ndarray, person: Person, options: PoseOptions
) -> tuple[int, int]:
    """Size of the image that keypoints of a file belong to.

    It is that of the options; by default that of an image of this name next to the file, or that of
    the source.
    """
    if options.size is not None:
        return options.size
    neighbour = file.parent / Path(name).name
    if neighbour.suffix.lower() in untrusted.SUFFIXES and neighbour.is_file():
        image = untrusted.read(neighbour)
        return image.height, image.width
    reach = keypoints.max(0)
    if (reach < np.array(person.size)).all():
        return person.size
    raise ValueError(
        f"{file}: {name}: a joint at ({reach[0]:.0f}, {reach[1]:.0f}) lies outside the source image ({person.size[0]} x "
        f"{person.size[1]} px), so these are joints of a larger image: set its size with --pose-size HEIGHTxWIDTH"
    )


def _usable(poses: list[Pose], where: Path, moving: bool, derived: tuple[str, ...] = ()) -> Poses:
    """The poses with a torso, under unique names."""
    kept, left_out, names = [], [], set()
    for pose in poses:
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
            f"{where}: holds no pose with {TORSO_NAMES}; use a clearer image or a keypoint file"
        )
    return Poses(kept, moving, left_out, derived)


def read_pairs(file: Path, root: Path) -> list[tuple[Path, Path]]:
    """Read a list of pairs, `from,to` as PATN's, with paths below `root`.

    Returns:
        (source, target) of each row.

    Raises:
        FileNotFoundError: If the file, or an image in it, is missing.
        ValueError: If it has another header, a malformed row, too many rows, or a path that leaves
            `root`; the message names file and row.
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
        raise ValueError(f"{file}: has no pairs")
    return pairs


def _inside(name: str, root: Path, where: str) -> Path:
    path = root / name
    if text := problem(path, root):
        raise ValueError(f"{where}: {text}")
    if not path.is_file():
        raise FileNotFoundError(f"{where}: {path} not found; names are relative to --root")
    return path
