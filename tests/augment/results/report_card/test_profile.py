import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from augment import params
from augment.results.report_card.profile import COLUMNS, line, run
from augment.results.report_card.speed import BATCHES, upright
from generators.body.pose import has_torso
from generators.registry import GENERATORS

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    shutil.copy(Path(__file__).parents[4] / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_multiply_adds_and_parameters_are_those_of_the_convolutions():
    """Of PATN, which has nothing else that multiplies: counted layer by layer."""
    generator, counted = params.generator("patn"), []
    for module in generator.networks["network"].modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            # A convolution multiplies its weight at every output pixel; a transposed one at every
            # input pixel.
            which = (lambda i, o: o) if isinstance(module, nn.Conv2d) else (lambda i, o: i[0])
            module.register_forward_hook(
                lambda m, i, o, which=which: counted.append(
                    m.weight.numel() * which(i, o)[0, 0].numel()
                )
            )
    generator.generate(upright(1, (64, 32), 1.5, CPU))
    found = dict(zip(COLUMNS, cells(line("patn", CPU, 0.0)), strict=True))
    assert float(found["multiply-adds (G)"]) == pytest.approx(sum(counted) / 1e9, abs=0.006)
    parameters = sum(p.numel() for p in generator.networks["network"].parameters())
    assert float(found["parameters (M)"]) == pytest.approx(parameters / 1e6, abs=0.006)
    assert float(found["batch 32"]) > 0 and found["peak memory (MB)"] == "-"


def test_every_generator_has_a_row(capsys):
    run(("puppet", "patn"), 0.0)
    lines = capsys.readouterr().out.splitlines()
    assert [cells(row)[0] for row in lines[2:]] == ["generator", "---", "puppet", "patn"]
    assert len({len(cells(row)) for row in lines[2:]}) == 1
    assert set(GENERATORS) >= {"puppet", "patn"}


def test_batches_are_of_usable_persons():
    for number in BATCHES:
        batch = upright(number, (64, 32), 1.5, CPU)
        assert (
            len(batch) == number
            and has_torso(batch.target_keypoints).all()
            and batch.source_parsing.max() > 0
        )
