"""Images per second of our re-ID training, compared with torchreid's ImageSoftmaxEngine.

    .venv/bin/python benchmarks/reid_training.py [--case resnet50|resnet18] [--rounds N]
        [--threads N]

Network, batch, images and CPU are the same. Both train torchreid's ResNet with SGD on the same JPEG
files, flipped and cropped: torchreid in float32 with worker processes, as usual; ours with
`precision: auto` from memory. The two alternate in rounds; the table has medians over rounds. The
first updates of a round, which start workers and choose kernels, are not timed. Loading into memory
happens once: the last column includes it in a single epoch, although a training has many. Other work
on the machine distorts the figures: threads that wait for each other lose more than processes.
"""

import argparse
import io
import os
import statistics
import sys
import tempfile
import time
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout
os.environ["ACCELERATE_USE_CPU"] = "true"

from reid.augmentation import AugmentParams
from reid.data import ReidSet, load
from reid.generated import GateParams, GeneratedParams, TeacherParams
from reid.losses import LossParams
from reid.models import NetworkParams
from reid.params import ReidParams
from reid.precision import resolve
from reid.training import train

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torchreid warns that its Cython evaluator is missing
    import torchreid.reid as torchreid

IDENTITIES, CAMERAS, WORKERS = 64, 6, 2
SKIPPED = 2  # updates at the start of a round


@dataclass(frozen=True)
class Case:
    name: str  # torchreid's name of the network
    size: tuple[int, int]  # (height, width), px
    batch: int
    updates: int  # timed in a round


CASES = {
    "resnet50": Case("resnet50", (256, 128), 32, 4),
    "resnet18": Case("resnet18", (64, 32), 64, 12),
}


class Enough(Exception):
    """Ends torchreid's loop, which otherwise runs whole epochs."""


def write_images(folder: Path, number: int) -> pd.DataFrame:
    """Write JPEG files of 128 x 64 px in the Market-1501 layout, as detailed as photographs.

    Returns:
        Rows for reid.data.load.
    """
    rng = np.random.default_rng(0)
    rows = []
    for split, amount in (
        ("bounding_box_train", number),
        ("query", IDENTITIES),
        ("bounding_box_test", IDENTITIES),
    ):
        (folder / split).mkdir(parents=True)
        for i in range(amount):
            pid, camid = i % IDENTITIES + 1, i // IDENTITIES % CAMERAS + (split == "query")
            coarse = Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype=np.uint8))
            smooth = coarse.resize((64, 128), Image.Resampling.BICUBIC)
            pixels = np.asarray(smooth, np.int16) + rng.integers(-12, 13, (128, 64, 3))
            path = folder / split / f"{pid:04}_c{camid + 1}s1_{i:06}_00.jpg"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=95)
            if split == "bounding_box_train":
                rows.append({"path": str(path), "pid": pid, "camid": camid, "generator": ""})
    return pd.DataFrame(rows)


def rate(ends: list[float], batch: int) -> float:
    """Images per second between the first and the last of `ends`, the end times of updates."""
    return batch * (len(ends) - 1) / (ends[-1] - ends[0])


def theirs(case: Case, root: Path) -> float:
    data = torchreid.data.ImageDataManager(
        root=str(root),
        sources="market1501",
        height=case.size[0],
        width=case.size[1],
        transforms=["random_flip", "random_crop"],
        batch_size_train=case.batch,
        workers=WORKERS,
        use_gpu=False,
    )
    model = torchreid.models.build_model(
        case.name, data.num_train_pids, loss="softmax", pretrained=False, use_gpu=False
    )
    optimiser = torchreid.optim.build_optimizer(model, optim="sgd", lr=0.01)
    scheduler = torchreid.optim.build_lr_scheduler(
        optimiser, lr_scheduler="single_step", stepsize=20
    )
    engine = torchreid.engine.ImageSoftmaxEngine(
        data, model, optimiser, scheduler=scheduler, use_gpu=False
    )
    update, ends = engine.forward_backward, []

    def timed(batch: dict) -> dict:
        result = update(batch)
        ends.append(time.perf_counter())
        if len(ends) == SKIPPED + case.updates:
            raise Enough
        return result

    engine.forward_backward = timed
    with tempfile.TemporaryDirectory() as folder:
        try:
            engine.run(save_dir=folder, max_epoch=100, print_freq=10**6)
        except Enough:
            pass
    return rate(ends[SKIPPED - 1 :], case.batch)


def ours(case: Case, images: ReidSet) -> float:
    params = ReidParams(
        backbone=f"torchreid:{case.name}",
        image_size=case.size,
        network=NetworkParams(
            pretrained=False, last_stride=2, width=1.0, head="bnneck", embedding=None, dropout=0.0
        ),
        features="embedding",
        metric="cosine",
        epochs=1,
        iterations=SKIPPED + case.updates,
        batch_size=case.batch,
        sampler="shuffled",
        images_per_identity=4,
        optimiser="sgd",
        learning_rate=0.01,
        base_factor=1.0,
        momentum=0.9,
        weight_decay=5e-4,
        schedule="constant",
        step_at=(),
        step_factor=0.1,
        warmup=0.0,
        loss=LossParams("softmax", None),
        label_smoothing=0.1,  # as torchreid's engine
        statistics_batches=0,
        augment=AugmentParams(
            flip=0.5,
            crop_area_min=0.64,
            crop_aspect_min=2.0,
            crop_aspect_max=3.0,
            pad_crop_px=0,
            erasing=0.0,
            brightness=0.0,
            contrast=0.0,
            saturation=0.0,
        ),
        precision="auto",
        log_iterations=1,
        checkpoint_iterations=10**6,
    )
    generated = GeneratedParams(
        share=None,
        label_smoothing=0.0,
        own_batch_norm=False,
        start=0.0,
        teacher=TeacherParams(0.0, 0.996),
        gate=GateParams(0.0, 0.5),
    )
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        train(
            images,
            params,
            "iterations",
            generated,
            0,
            Path(folder),
            lambda *_: ends.append(time.perf_counter()),
        )
    # The end time of the last update includes the checkpoint.
    return rate(ends[SKIPPED - 1 : -1], case.batch)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--case", choices=CASES, action="append", help="default: all")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = arguments.parse_args()
    torch.set_num_threads(chosen.threads)
    precision = str(resolve("auto", torch.device("cpu"))).removeprefix("torch.")
    print(
        f"torch {torch.__version__}, {chosen.threads} threads, ours in {precision}, median of {chosen.rounds} rounds\n"
    )
    print(
        "| network | px | batch | torchreid, images/s | ours | ratio (least, most) | ours with loading, one epoch |"
    )
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as root:
        rows = write_images(Path(root) / "market1501/Market-1501-v15.09.15", 2048)
        for case in (CASES[name] for name in chosen.case or CASES):
            started = time.perf_counter()
            images = load(rows, (min(128, case.size[0]), min(64, case.size[1])))
            loading = time.perf_counter() - started
            rounds = []
            for _ in range(chosen.rounds):
                with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                    rounds.append((theirs(case, Path(root)), ours(case, images)))
            one, two = (statistics.median(column) for column in zip(*rounds, strict=True))
            ratios = [b / a for a, b in rounds]
            whole = len(rows) / (loading + len(rows) / two)
            print(
                f"| {case.name} | {case.size[0]}x{case.size[1]} | {case.batch} | {one:.1f} | {two:.1f} | "
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f}) | {whole:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
