"""Target poses: of an image, of a keypoint file, of a folder of either, or a named sequence."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from augment.data import pose_formats
from augment.images import untrusted
from augment.images.folder import find
from augment.single import sequences
from augment.single.joints import TORSO_NAMES, Joints, has_torso
from augment.single.person import Person

KEYPOINT_SUFFIXES = (".csv", ".json", ".mat")


@dataclass(frozen=True)
class Pose:
    """keypoints: float64 [18, 2] as (y, x) px of an image of `size` (height, width); name: of the
    file that is written.
    """

    name: str
    keypoints: np.ndarray
    size: tuple[int, int]


@dataclass(frozen=True)
class Poses:
    """In the order asked for. moving: whether they make an animation; left_out: a sentence for each
    pose without torso;
    derived: as Joints has it.
    """

    poses: list[Pose]
    moving: bool
    left_out: list[str]
    derived: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """How `--pose` is to be read.

    frames, heading_degrees: of a named sequence
    size: (height, width) of the images that a keypoint file speaks of; None: found out
    """

    frames: int
    heading_degrees: float
    size: tuple[int, int] | None


def read_poses(given: str, person: Person, joints: Joints, asked: Asked) -> Poses:
    """Raises FileNotFoundError, or ValueError where no usable pose is there; the message names the
    file."""
    if given in sequences.SEQUENCES:
        found = sequences.fitted(
            sequences.sequence(given, asked.frames, asked.heading_degrees), person.keypoints
        )
        named = [
            Pose(f"{given}_{number:03d}", keypoints, person.size)
            for number, keypoints in enumerate(found)
        ]
        return Poses(named, True, [])
    path = Path(given)
    if path.is_dir():
        return _of_folder(path, person, joints, asked)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: not found; --pose wants an image, a keypoint file, a folder of either, "
            f"or {' or '.join(sequences.SEQUENCES)}"
        )
    if path.suffix.lower() in untrusted.SUFFIXES:
        return _usable([_of_image(path, joints)], path, False)
    found, derived = _of_file(path, person, asked)
    return _usable(found, path, len(found) > 1, derived)


def _of_folder(folder: Path, person: Person, joints: Joints, asked: Asked) -> Poses:
    suffixes = (*untrusted.SUFFIXES, *KEYPOINT_SUFFIXES)
    listed = find(folder, suffixes=suffixes, recursive=False)
    for problem in listed.problems:
        raise ValueError(problem)
    files = [folder / name for name in listed.files]
    pictures = [path for path in files if path.suffix.lower() in untrusted.SUFFIXES]
    tables = [path for path in files if path not in pictures]
    if pictures and tables:
        raise ValueError(
            f"{folder}: holds images and keypoint files ({pictures[0].name}, {tables[0].name}); part them, or give the "
            "keypoint file as --pose"
        )
    if not pictures and not tables:
        raise ValueError(
            f"{folder}: holds no image ({' '.join(untrusted.SUFFIXES)}) and no keypoint file (.csv .json .mat)"
        )
    found = [_of_image(path, joints) for path in tqdm(pictures, desc="joints", unit="img")]
    derived: tuple[str, ...] = ()
    for path in tables:
        poses, derived = _of_file(path, person, asked)
        found += poses
    return _usable(found, folder, True, derived)


def _of_image(path: Path, joints: Joints) -> Pose:
    image = untrusted.read(path)
    return Pose(path.stem, joints.of(path, image), (image.height, image.width))


def _of_file(file: Path, person: Person, asked: Asked) -> tuple[list[Pose], tuple[str, ...]]:
    with file.open("rb") as lines:
        if lines.readline(64).strip() == b"from,to":
            raise ValueError(f"{file}: is a list of pairs; give it as --pairs")
    found = pose_formats.read(file)
    poses = [
        Pose(Path(name).stem, keypoints, _size(file, name, keypoints, person, asked))
        for name, keypoints in found.keypoints.items()
    ]
    return poses, found.derived


def _size(
    file: Path, name: str, keypoints: np.ndarray, person: Person, asked: Asked
) -> tuple[int, int]:
    """Of the image that keypoints of a file are of: as asked; or of an image of that name beside
    the file; or the source's.
    """
    if asked.size is not None:
        return asked.size
    beside = file.parent / Path(name).name
    if beside.suffix.lower() in untrusted.SUFFIXES and beside.is_file():
        image = untrusted.read(beside)
        return image.height, image.width
    reach = keypoints.max(0)
    if (reach < np.array(person.size)).all():
        return person.size
    raise ValueError(
        f"{file}: {name}: a joint at ({reach[0]:.0f}, {reach[1]:.0f}) lies outside the source image ({person.size[0]} x "
        f"{person.size[1]} px), so these are joints of a larger one: say its size by --pose-size HEIGHTxWIDTH"
    )


def _usable(found: list[Pose], where: Path, moving: bool, derived: tuple[str, ...] = ()) -> Poses:
    """Those with a torso, under names of their own."""
    kept, left_out, names = [], [], set()
    for pose in found:
        if not has_torso(pose.keypoints):
            left_out.append(f"{pose.name} has no torso in sight")
            continue
        name, number = pose.name, 2
        while name in names:
            name, number = f"{pose.name}_{number}", number + 1
        names.add(name)
        kept.append(Pose(name, pose.keypoints, pose.size))
    if not kept:
        raise ValueError(
            f"{where}: no pose with {TORSO_NAMES} was found there; take a clearer image, or give a keypoint file"
        )
    return Poses(kept, moving, left_out, derived)
