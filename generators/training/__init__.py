"""The training loop of every generator: data, phases, checkpoints, logs."""
