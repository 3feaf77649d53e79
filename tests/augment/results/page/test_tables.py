import made_results
import pytest

from augment import files
from augment.results import curves
from augment.results.harm import judge
from augment.results.page import tables

URL = "http://127.0.0.1:5000"


def test_a_run_has_its_address_in_mlflow():
    assert (
        tables.run_address({"mlflow": {"experiment": "3", "run": "abc"}}, URL + "/")
        == f"{URL}/#/experiments/3/runs/abc"
    )
    assert tables.run_address({"mlflow": None}, URL) == tables.run_address({}, URL) == ""


@pytest.fixture
def results(tmp_path):
    made_results.write(
        tmp_path, budgets=("iterations", "epochs"), seeds=(0, 1), portions=(0.1, 1.0)
    )
    return [
        files.read_json(file) | {"file": str(file)} for file in sorted(tmp_path.rglob("seed*.json"))
    ]


def test_a_row_per_arm_with_all_its_seeds(results):
    judged = judge(curves.summarise(curves.table(results)))
    arms = tables.arms(judged, results, URL)
    assert len(arms) == len(judged) == len(results) / 2
    first, second = arms[:2]
    assert (first.key.budget, first.key.augmentation, first.column) == ("iterations", "none", "0.1")
    assert (second.key.augmentation, second.train_images, second.rejected) == (
        "classic",
        "1,294",
        "0",
    )
    assert [seed for seed, _ in first.runs] == [0, 1]
    assert first.runs[0][1] == "" and first.runs[1][1].startswith(f"{URL}/#/experiments/1/runs/")
    x3 = next(arm for arm in arms if arm.column == "x3" and arm.key.augmentation == "patn")
    assert (x3.train_images, x3.rejected) == ("38,808", "2,587")


def test_budgets_stand_side_by_side(results):
    judged = judge(curves.summarise(curves.table(results)))
    grid = tables.grid(judged[judged["portion"] < 1], ["patn", "spt", "puppet"])
    assert (grid.columns, grid.budgets) == (["0.1"], ["iterations", "epochs"])
    assert [name for name, _ in grid.rows] == ["patn", "puppet"]
    cells = grid.rows[0][1][0]
    assert [(cell.augmentation, cell.budget) for cell in cells] == [
        ("patn", "iterations"),
        ("patn", "epochs"),
    ]


HEAD = ",".join(tables.TUNED)
ROWS = [
    "a=1,m,patn,0.1,1,iterations,0,0.50,0.6",
    "a=1,m,patn,0.1,1,iterations,1,0.52,0.6",
    "params.yaml,m,patn,0.1,1,iterations,0,0.40,0.6",
    "params.yaml,m,patn,0.1,1,iterations,1,0.42,0.6",
    "params.yaml,m,none,0.1,1,iterations,0,0.30,0.6",
]


def test_settings_by_cells(tmp_path):
    file = tmp_path / "share.csv"
    file.write_text("\n".join([HEAD, *ROWS]))
    table = tables.tuned(file)
    assert table.name == "share" and table.seeds == [0, 1]
    assert table.cells == ["m none 0.1 (iterations)", "m patn 0.1 (iterations)"]
    (shipped, (none, patn)), (other, (absent, better)) = table.rows
    assert (shipped, other) == ("params.yaml", "a=1")
    assert none == ("0.300", None, True) and absent is None
    assert patn == ("0.410 ± 0.014", None, False)
    assert better == ("0.510 ± 0.014", pytest.approx(0.1), True)


@pytest.mark.parametrize(
    "lines, message",
    [
        (
            [HEAD.replace(",rank1", ""), *(row.rsplit(",", 1)[0] for row in ROWS)],
            "missing column rank1; run `augment tune` again",
        ),
        (
            [HEAD, ROWS[0], ROWS[0]],
            "a setting, cell and seed occur twice; run `augment tune` again",
        ),
    ],
)
def test_a_broken_file_is_named(tmp_path, lines, message):
    file = tmp_path / "share.csv"
    file.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=f"^{file}: {message}$"):
        tables.tuned(file)
