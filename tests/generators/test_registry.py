import subprocess
import sys
from pathlib import Path

import pytest

from generators.registry import GENERATORS, TRAINABLE, generator_class


def test_every_name_loads_the_class_of_that_name():
    for name in TRAINABLE:
        assert generator_class(name).name == name


def test_an_unknown_name():
    known = ", ".join(sorted(GENERATORS))
    with pytest.raises(ValueError, match=f"unknown generator 'marionette'; available: {known}"):
        generator_class("marionette")


def test_the_names_are_known_without_torch():
    command = "import sys; import generators.registry; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", command], check=True, cwd=root)
