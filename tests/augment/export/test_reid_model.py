"""weights.pt and the section of params.yaml that it belongs to."""

import pickle
import re
from pathlib import Path

import pytest
import torch
import yaml

from augment.arms import Arm
from augment.augmentations import parse
from augment.export.reid_model import of_arm, of_file

WEIGHTS = Path("models/reid/iterations/inception/none/0.4/seed0/weights.pt")


def test_the_model_of_an_arm_is_the_one_in_its_file(inside):
    by_arm, by_file = (
        of_arm(Arm("inception", parse("none"), 0.4, 1, "iterations", 0)),
        of_file("inception", WEIGHTS),
    )
    stored = torch.load(WEIGHTS, weights_only=True)
    for loaded in (by_arm, by_file):
        assert not loaded.model.training
        assert all(
            torch.equal(value, stored[key]) for key, value in loaded.model.state_dict().items()
        )
    assert (
        by_arm.about["trained_on"] == "none, portion 0.4, ratio 1"
        and by_file.about["trained_on"] == "unknown"
    )


def test_an_arm_that_is_not_trained_names_its_command(inside):
    message = "run `augment train-reid --model inception --portion 0.3 --augmentation puppet` first, or use --weights FILE"
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        of_arm(Arm("inception", parse("puppet"), 0.3, 1, "iterations", 0))


def test_weights_of_other_settings_are_refused(project):
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["reid"]["inception"]["network"]["embedding"] = 12
    Path("params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(ValueError) as error:
        of_file("inception", WEIGHTS)
    assert str(error.value) == (
        f"{WEIGHTS}: does not fit params.yaml: reid.inception: 7 weights differ, e.g. head.classifier.weight: (4, 16) in "
        "the file, (4, 12) by params.yaml; set this section as it was in training"
    )


class Code:
    def __reduce__(self):
        return Path.touch, (Path("it ran"),)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda file: torch.save({"head.classifier.weight": Code()}, file),
            "is damaged or holds more than tensors",
        ),
        (
            lambda file: file.write_bytes(pickle.dumps(Code(), protocol=2)),
            "is damaged or holds more than tensors",
        ),
        (lambda file: file.write_bytes(b""), "is damaged or holds more than tensors"),
        (lambda file: torch.save([1, 2], file), "holds something other than tensors"),
        (
            lambda file: torch.save({"format": "a generator"}, file),
            "holds something other than tensors",
        ),
        (
            lambda file: torch.save({"weight": torch.ones(1)}, file),
            "does not hold the weights of a re-ID model",
        ),
    ],
)
def test_files_from_elsewhere_run_no_code(inside, tmp_path, monkeypatch, write, message):
    file = tmp_path / "weights.pt"
    write(file)
    with pytest.raises(ValueError, match=f"{file}: {message}"):
        of_file("inception", file)
    assert not Path("it ran").exists()
