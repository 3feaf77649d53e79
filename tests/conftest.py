import os

# Equality to the bit is promised on CPUs, and no test may need a GPU. Set before any process state exists.
os.environ["ACCELERATE_USE_CPU"] = "true"
