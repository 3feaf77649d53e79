import numpy as np
import pandas as pd
import pytest

from augment import files
from augment.pretrained.weights import Unavailable
from augment.results.report_card import card
from augment.results.report_card.metrics import METRICS
from augment.results.report_card.scoring import entry
from generators.metrics.intervals import Interval


def test_entries():
    assert entry(Interval(0.5, 0.4, 0.6)) == {"value": 0.5, "low": 0.4, "high": 0.6}
    assert entry(3.0) == {"value": 3.0, "low": None, "high": None}
    assert entry(Unavailable("no weights", "a.pth")) == {
        "unavailable": "no weights",
        "file": "a.pth",
    }
    nothing = entry(Interval(np.nan, np.nan, np.nan))
    assert nothing == {"unavailable": "no held-out pair has a value", "file": None}


def write(name, **metrics):
    described = {"generator": name, "dataset": "mini_market", "pairs": 12, "metrics": metrics}
    files.write_json(card.paths.card(name), described)


def test_the_table_has_a_row_a_card_and_all_keys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    card.write_table()
    assert not (tmp_path / "reports").exists()
    write(
        "patn",
        ssim={"value": 0.25, "low": 0.2, "high": 0.3},
        fid={"unavailable": "no weights", "file": "f.pth"},
    )
    write("apatn", reid_frechet={"value": 2.0, "low": None, "high": None})
    card.write_table()
    table = pd.read_csv(tmp_path / "reports/generators.csv")
    assert table["generator"].tolist() == ["apatn", "patn"] and table["pairs"].tolist() == [12, 12]
    wanted = [name for key in METRICS for name in (key, f"{key}_low", f"{key}_high")]
    assert table.columns.tolist() == ["generator", "dataset", "pairs", *wanted]
    patn = table.iloc[1]
    assert patn[["ssim", "ssim_low", "ssim_high"]].tolist() == [0.25, 0.2, 0.3] and np.isnan(
        patn["fid"]
    )
    assert table["reid_frechet"][0] == 2.0 and np.isnan(table["reid_frechet_low"][0])
    before = (tmp_path / "reports/generators.csv").read_bytes()
    card.write_table()
    assert (tmp_path / "reports/generators.csv").read_bytes() == before


def test_another_file_is_no_card(tmp_path):
    (tmp_path / "x.json").write_text("[1]")
    with pytest.raises(
        ValueError, match="x.json: not a report card; run `augment evaluate-generator` again"
    ):
        card.read(tmp_path / "x.json")
