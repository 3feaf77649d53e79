import re

import numpy as np
import pandas as pd
import pytest

from augment.results.curves import MEASURED, by_curve, label, plot, summarise, table


def result(augmentation, portion, seed, mAP, **other):
    named = dict(
        dataset="d",
        model="m",
        augmentation=augmentation,
        portion=portion,
        ratio=1,
        budget="iterations",
        seed=seed,
    )
    return (
        named
        | dict.fromkeys(MEASURED, 0)
        | {"mAP": mAP, "rank1": mAP + 0.1, "file": f"{augmentation}-{seed}"}
        | other
    )


# Table 6 of the PATN paper, ResNet-50, split over two seeds.
TABLE6 = [
    result("none", 0.1, 0, 0.082),
    result("none", 0.1, 1, 0.102),
    result("none", 1.0, 0, 0.653),
    result("patn", 0.1, 0, 0.516),
    result("patn", 0.1, 1, 0.536),
]


def test_gap_closed_is_the_papers():
    summary = summarise(table(TABLE6)).set_index(["augmentation", "portion"])
    arm = summary.loc[("patn", 0.1)]
    assert arm["seeds"] == 2 and arm["mAP_mean"] == pytest.approx(0.526)
    assert arm["mAP_std"] == pytest.approx(np.std([0.516, 0.536], ddof=1))
    assert arm["gap_closed"] == pytest.approx(0.77, abs=0.005)
    assert np.isnan(summary.loc[("none", 0.1), "gap_closed"]) and np.isnan(
        summary.loc[("none", 1.0), "mAP_std"]
    )


@pytest.mark.parametrize(
    "results",
    [
        [result("none", 0.1, 0, 0.1), result("patn", 0.1, 0, 0.2)],  # nothing real to compare with
        [
            result("none", 0.1, 0, 0.5),
            result("none", 1.0, 0, 0.4),
            result("patn", 0.1, 0, 0.2),
        ],  # no gap
        [
            result("none", 0.1, 0, 0.1),
            result("none", 1.0, 0, 0.4, budget="epochs"),
            result("patn", 0.1, 0, 0.2),
        ],
    ],
)
def test_no_gap_to_close(results):
    assert summarise(table(results))["gap_closed"].isna().all()


def test_every_curve_ends_at_the_real_set():
    curves = {key["augmentation"]: curve for key, curve in by_curve(summarise(table(TABLE6)))}
    assert curves["patn"]["portion"].tolist() == [0.1, 1.0]
    assert curves["patn"]["mAP_mean"].tolist() == pytest.approx([0.526, 0.653])
    assert curves["none"]["portion"].tolist() == [0.1, 1.0]


def test_classic_ends_at_its_own_real_set_alone():
    """Its images are changed at portion 1 too, so that the point of `none` there is none of its."""
    few, all_of_it = result("classic", 0.1, 0, 0.2), result("classic", 1.0, 0, 0.7)
    for given, portions in (([few], [0.1]), ([few, all_of_it], [0.1, 1.0])):
        curves = {
            key["augmentation"]: curve
            for key, curve in by_curve(summarise(table([*TABLE6, *given])))
        }
        assert curves["classic"]["portion"].tolist() == portions
        assert set(curves["classic"]["augmentation"]) == {"classic"}


def test_extended_sets_stand_to_the_right_of_the_real_set():
    extended = [result("patn", 1.0, 0, 0.653, ratio=2), result("patn", 1.0, 0, 0.657, ratio=3)]
    curves = {
        key["augmentation"]: curve
        for key, curve in by_curve(summarise(table([*TABLE6, *extended])))
    }
    assert curves["patn"]["position"].tolist() == pytest.approx([0.1, 1.0, 1.12, 1.24])
    assert curves["patn"]["ratio"].tolist() == [1, 1, 2, 3] and curves["none"][
        "position"
    ].tolist() == [0.1, 1.0]
    assert [label(row.portion, row.ratio) for row in curves["patn"].itertuples()] == [
        "0.1",
        "1.0",
        "x2",
        "x3",
    ]


def test_a_result_that_lacks_a_key_is_named():
    broken = result("none", 0.1, 0, 0.1)
    del broken["rank5"]
    with pytest.raises(ValueError, match="none-0: missing key rank5; train this arm again"):
        table([broken])


def test_one_arm_twice_is_named():
    with pytest.raises(ValueError, match="another result is of the same arm and seed"):
        table([result("none", 0.1, 0, 0.1), result("none", 0.1, 0, 0.2)])


def test_the_picture_shows_the_numbers(tmp_path, monkeypatch):
    """Read back from the axes, since pixels say little."""
    import matplotlib.pyplot as plt

    drawn = []
    monkeypatch.setattr(plt, "close", drawn.append)
    plot(summarise(table(TABLE6)), tmp_path / "curves.png")
    (figure,) = drawn
    monkeypatch.undo()
    plt.close(figure)
    axis = figure.axes[0]
    lines = {
        container.get_label(): container.lines[0].get_xydata() for container in axis.containers
    }
    assert lines["+ patn"] == pytest.approx(np.array([[0.1, 0.526], [1.0, 0.653]]))
    assert lines["real images only"] == pytest.approx(np.array([[0.1, 0.092], [1.0, 0.653]]))
    assert [text.get_text() for text in axis.texts] == ["77% of the gap"]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_report_writes_tables_picture_and_curves(project, augment):
    assert augment("report").exit_code == 0
    curves, summary = (
        pd.read_csv(project / "reports" / name) for name in ("curves.csv", "summary.csv")
    )
    assert len(curves) == 3 and len(summary) == 3
    assert list(summary) == [
        "dataset",
        "model",
        "augmentation",
        "portion",
        "ratio",
        "budget",
        "seeds",
        "rank1_mean",
        "rank1_std",
        "mAP_mean",
        "mAP_std",
        "gap_closed",
        "difference",
        "spread",
        "harm",
    ]
    assert (project / "reports/curves.png").stat().st_size > 10_000


def test_report_without_results(tmp_path, monkeypatch, augment):
    monkeypatch.chdir(tmp_path)
    result = augment("report")
    assert result.exit_code == 1 and re.search(
        "results/reid: no results; run `augment train-reid`", result.output
    )


def test_results_with_and_without_the_same_camera_rule_are_not_compared():
    with pytest.raises(
        ValueError,
        match="none-1: was scored without the same-camera rule, and other results on d with it",
    ):
        table([result("none", 0.1, 0, 0.1), result("none", 0.1, 1, 0.1, same_camera_rule=False)])
    other = table(
        [
            result("none", 0.1, 0, 0.1),
            result("none", 0.1, 0, 0.1, dataset="folder", same_camera_rule=False),
        ]
    )
    assert other["same_camera_rule"].tolist() == [True, False]
