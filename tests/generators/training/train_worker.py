"""A separate training process, to be killed or to be one of several.

Usage: train_worker.py INPUTS FOLDER [WEIGHTS]
"""

import pickle
import sys
from pathlib import Path

import torch
from accelerate import PartialState

from generators.patn.patn import Patn
from generators.training.loop import train

if __name__ == "__main__":
    torch.set_num_threads(1)
    images, pairs, params = pickle.loads(Path(sys.argv[1]).read_bytes())
    generator = Patn(params)
    trained = train(
        generator,
        images,
        pairs,
        Path(sys.argv[2]),
        lambda step, losses: None,
        lambda step, path: None,
    )
    print(trained.message)
    if len(sys.argv) > 3:
        state = PartialState()
        torch.save(
            generator.networks["network"].state_dict(), f"{sys.argv[3]}.{state.process_index}"
        )
        state.destroy_process_group()
