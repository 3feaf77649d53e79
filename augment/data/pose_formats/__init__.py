"""Importers of keypoint files from other tools and data sets.

There is one module per family, and one function, `read`, for all formats.

| format | file | module |
|---|---|---|
| patn | CSV `name:keypoints_y:keypoints_x` of PATN and pose-gan | patn.py |
| openpose | one JSON with `people` per image, or a folder of them | openpose.py |
| coco | COCO-17 JSON, results or annotations | coco.py |
| mmpose | MMPose's predictions: a JSON, or a folder with one per image | mmpose.py |
| mat14 | .mat with 14 joints in LSP's order | mat14.py |
"""

from pathlib import Path

from augment.data.pose_formats import coco, document, mat14, mat_file, mmpose, openpose, patn
from augment.data.pose_formats.imported import Imported
from augment.images import untrusted

FORMATS = ("patn", "openpose", "coco", "mmpose", "mat14")
# Confidence of a joint: the peak threshold of OpenPose and of PATN's keypoint tool.
THRESHOLD = 0.1

__all__ = ["FORMATS", "THRESHOLD", "Imported", "read"]


def read(file: Path, format: str | None = None, threshold: float = THRESHOLD) -> Imported:
    """Read the keypoints of a file, or of a folder of JSONs.

    Args:
        format: one of FORMATS. By default it is recognised from the content.
        threshold: joints of lower confidence count as missing, in formats that have confidences.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If the file has none of the formats, or breaks its rules; the message names file
            and place.
    """
    if format is not None and format not in FORMATS:
        raise ValueError(f"unknown keypoint format {format!r}; available: {', '.join(FORMATS)}")
    if file.is_dir():
        return _read_folder(file, format, threshold)
    document.check_size(file)
    kind = format or _recognise(file)
    if kind == "patn":
        return patn.read(file)
    if kind == "mat14":
        return mat14.read(file, threshold)
    if kind == "coco":
        return coco.read(document.read_json(file), file, threshold)
    of_one = {document.image_name(file.stem, str(file)): file}
    return (
        openpose.read_all(of_one, threshold)
        if kind == "openpose"
        else mmpose.read_all(of_one, threshold)
    )


def _read_folder(folder: Path, format: str | None, threshold: float) -> Imported:
    """One JSON per image, at any depth; names are relative to the folder."""
    files = {}
    for file in sorted(folder.rglob("*.json")):
        untrusted.check_inside(file, folder)
        files[
            document.image_name(file.relative_to(folder).with_suffix("").as_posix(), str(file))
        ] = file
    if not files:
        raise ValueError(f"{folder}: has no .json file; a folder of keypoints has one per image")
    first = next((file for file in files.values() if document.read_json(file)), None)
    kind = format or (_recognise(first) if first else "mmpose")
    if kind not in ("openpose", "mmpose"):
        raise ValueError(
            f"{folder}: a folder holds OpenPose or MMPose JSONs, but {first} has the format {kind}; pass the file instead"
        )
    return (openpose if kind == "openpose" else mmpose).read_all(files, threshold)


def _recognise(file: Path) -> str:
    with file.open("rb") as opened:
        head = opened.read(4096)
    if mat_file.is_mat(head) or file.suffix == ".mat":
        return "mat14"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"{", b"["):
        return _recognise_json(file)
    if text.lower().startswith(b"name"):
        return "patn"
    raise ValueError(
        f"{file}: is not a known keypoint file: neither a CSV with the header 'name:keypoints_y:keypoints_x', nor a JSON of "
        "OpenPose, COCO or MMPose, nor a .mat"
    )


def _recognise_json(file: Path) -> str:
    value = document.read_json(file)
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, dict):
        if first is value and "people" in first:
            return "openpose"
        if "instance_info" in first or "instances" in first or "keypoint_scores" in first:
            return "mmpose"
        if "image_id" in first or {"images", "annotations"} <= first.keys():
            return "coco"
        keys = ", ".join(sorted(first))[:80] or "nothing"
        raise ValueError(f"{file}: is JSON, but not in a known keypoint format: it has {keys}")
    raise ValueError(
        f"{file}: is JSON, but not in a known keypoint format: it is {str(first)[:40]!r}"
    )
