"""The puppets with the largest error.

    python benchmarks/worst_puppets.py [--number 2000] [--sheet worst_puppets.png]

Needs a prepared data set with parsing maps (`augment prepare` on mini_market) in the present
folder. The person of a random training image is pasted into the scene of another image of the same
person, which is the ground truth for the puppet. The error is the mean absolute difference over the
person of that image, in grey levels of 255. Persons are cut out by their keypoints.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from augment import params, paths, prepared
from augment.generation import puppets
from augment.images import contact_sheet
from augment.prepared import index
from generators.body.body_parts import usable
from generators.puppet.puppet import Puppet


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=2000)
    parser.add_argument("--worst", type=int, default=10)
    parser.add_argument("--sheet", type=Path, default=Path("worst_puppets.png"))
    arguments = parser.parse_args()
    rows = index.read(paths.PREPARED / "index.csv")
    rows = rows[rows["split"] == "train"].reset_index(drop=True)
    joints = prepared.joints()
    settings = params.load(Puppet.Params, "generators.puppet")
    plain = Puppet(replace(settings, parsing=False))
    studio = puppets.studio(rows, joints, plain, prepared.size(), "cpu")
    persons = puppets.studio(rows, joints, Puppet(settings), prepared.size(), "cpu")

    rng, good = np.random.default_rng(0), usable(studio.keypoints, prepared.size()).numpy()
    pids = rows["pid"].to_numpy()
    sources, scenes = [], []
    while len(sources) < arguments.number:
        source = rng.choice(np.flatnonzero(good))
        others = np.flatnonzero(good & (pids == pids[source]) & (np.arange(len(pids)) != source))
        if len(others):
            sources.append(source)
            scenes.append(rng.choice(others))
    drawn, errors = [], []
    for part in torch.arange(arguments.number).split(64):
        source, scene = (torch.tensor(np.array(which)[part.numpy()]) for which in (sources, scenes))
        image = plain.render(studio[source], studio[scene])
        truth = persons[scene]
        missed = ((image - truth.image).abs().mean(1, keepdim=True) * truth.person).sum((1, 2, 3))
        errors.append(255 * missed / truth.person.sum((1, 2, 3)).clamp(min=1))
        drawn.append(image.mul(255).round().byte().permute(0, 2, 3, 1))
    error, pictures = torch.cat(errors).numpy(), torch.cat(drawn).numpy()
    order = np.argsort(error)
    print(
        f"{len(error):,} puppets; error in grey levels: median {np.median(error):.1f}, 90% {np.quantile(error, 0.9):.1f}"
    )
    cells, captions = [], []
    middle = len(order) // 2
    for caption, chosen in (
        ("best", order[: arguments.worst]),
        ("median", order[middle : middle + arguments.worst]),
        ("worst", order[::-1][: arguments.worst]),
    ):
        cells += [
            [Image.open(paths.PREPARED / rows["path"][sources[i]]) for i in chosen],
            [Image.open(paths.PREPARED / rows["path"][scenes[i]]) for i in chosen],
            [Image.fromarray(pictures[i]) for i in chosen],
        ]
        captions += [f"{caption}: source, scene with the same person, puppet", "", ""]
        print(caption, " ".join(f"{error[i]:.0f}" for i in chosen))
    contact_sheet.grid(cells, captions).save(arguments.sheet)


if __name__ == "__main__":
    main()
