"""Online puppets: images of a re-ID batch, redrawn in every epoch.

The reduced set is kept in memory, and nothing is written to disk.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.nn import functional

from augment.generation.puppets import Scenes, studio
from augment.images import contact_sheet
from augment.reid_training.params import OnlineParams
from generators.body.body_parts import usable
from generators.puppet.puppet import Puppet


class OnlinePuppets:
    """A `reid.training.Renewal`: row i of the training set is row i of the reduced set.

    without_torso: number of images that are cut out as an oval and are never scenes.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        keypoints: dict[str, np.ndarray],
        puppet: Puppet,
        params: OnlineParams,
        size: tuple[int, int],
        seed: int,
        device: Any,
    ):
        # Drawn at the puppets' size and then resized, like images on disk, which keeps them sharp.
        self.studio, self.size = (
            studio(rows, keypoints, puppet, puppet.params.image_size, device),
            size,
        )
        has_torso = usable(self.studio.keypoints, puppet.params.image_size).cpu().numpy()
        self.camids = rows["camid"].to_numpy()
        self.scenes = Scenes(self.camids, has_torso)
        self.puppet, self.params, self.seed = puppet, params, seed
        self.without_torso = int((~has_torso).sum())
        self.about = {"online": asdict(params), "puppet": asdict(puppet.params), "seed": seed}

    def __call__(self, step: int, rows: torch.Tensor, mine: slice) -> torch.Tensor:
        number, params = len(rows), self.params
        # Drawn for the whole batch, so that an image does not depend on the number of processes.
        rng = np.random.default_rng([self.seed, step])
        chosen = rng.random(number) < params.share
        flips = rng.random((2, number)) < params.flip
        girth = rng.uniform(1 - params.girth, 1 + params.girth, (number, 10)).astype(np.float32)
        scenes = np.array([self.scenes.draw(rng, camid) for camid in self.camids[rows.numpy()]])

        device = self.studio.pixels.device
        images = self.studio.pixels[rows[mine].to(device)].float()
        place = np.flatnonzero(chosen[mine])
        if len(place):
            at = np.arange(number)[mine][place]
            sources = self.studio[rows[at]].flip(torch.from_numpy(flips[0, at]).to(device))
            behind = self.studio[torch.from_numpy(scenes[at])].flip(
                torch.from_numpy(flips[1, at]).to(device)
            )
            drawn = self.puppet.render(
                sources, behind, girth=torch.from_numpy(girth[at]).to(device)
            )
            images[torch.from_numpy(place).to(device)] = drawn * 255
        return functional.interpolate(images, self.size, mode="bilinear", antialias=True)

    def sheet(self, columns: int = 16) -> Image.Image:
        """Some images of the reduced set, and two passes over them."""
        rows = torch.from_numpy(
            np.linspace(0, len(self.camids) - 1, columns).round().astype(np.int64)
        )
        shown = [self.studio.pixels[rows.to(self.studio.pixels.device)].float()]
        shown += [self(step, rows, slice(0, columns)).clamp(0, 255) for step in range(2)]
        pictures = [images.round().byte().permute(0, 2, 3, 1).cpu().numpy() for images in shown]
        captions = ["the reduced set", "one pass of the training", "another pass"]
        return contact_sheet.grid(
            [[Image.fromarray(pixels) for pixels in row] for row in pictures], captions
        )
