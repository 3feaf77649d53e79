import numpy as np
import pytest

from augment.results.report_card.published import published, tables


@pytest.fixture(scope="module")
def rows():
    return published()


def only(rows, **where):
    found = rows[np.logical_and.reduce([rows[name] == value for name, value in where.items()])]
    assert len(found) == 1, found
    return found.iloc[0]


@pytest.mark.parametrize(
    "where, printed",
    [
        (
            {"paper": "PATN", "table": "1", "dataset": "market1501", "generator": "patn"},
            {
                "ssim": 0.311,
                "is": 3.323,
                "mask_ssim": 0.811,
                "mask_is": 3.773,
                "ds": 0.74,
                "pckh": 0.94,
            },
        ),
        (
            {"paper": "PATN", "table": "1", "dataset": "market1501", "row": "Real Data"},
            {"ssim": 1.0, "is": 3.890, "mask_ssim": 1.0, "mask_is": 3.706, "ds": 0.74, "pckh": 1.0},
        ),
        (
            {"paper": "PATN", "table": "1", "dataset": "deepfashion", "generator": "apatn"},
            {"ssim": 0.780, "is": 3.435, "ds": 0.971, "pckh": 0.96},
        ),
        (
            {"paper": "PATN", "table": "2", "generator": "patn"},
            {"parameters_millions": 41.36, "images_per_second": 60.61},
        ),
        (
            {"paper": "PATN", "table": "2", "generator": "apatn"},
            {"parameters_millions": 16.93, "images_per_second": 58.82},
        ),
        (
            {"paper": "PATN", "table": "3", "dataset": "market1501", "generator": "apatn"},
            {"r2g_percent": 34.17, "g2r_percent": 70.32},
        ),
        (
            {"paper": "SPT", "table": "1", "dataset": "market1501", "generator": "spt"},
            {"is": 3.499, "ssim": 0.203, "mask_is": 3.680, "mask_ssim": 0.758, "fid": 56.442},
        ),
        (
            {"paper": "SPT", "table": "3", "dataset": "market1501", "row": "TS-GT"},
            {"ssim": 0.2, "is": 3.472, "fid": 58.877},
        ),
        (
            {"paper": "SPGNet", "table": "2", "dataset": "market1501", "generator": "spgnet"},
            {
                "ssim": 0.315,
                "mask_ssim": 0.818,
                "fid": 23.331,
                "pckh": 0.97,
                "lpips": 0.2779,
                "mask_lpips": 0.1385,
            },
        ),
    ],
)
def test_as_printed(rows, where, printed):
    found = only(rows, **where)
    assert {name: found[name] for name in printed} == printed


def same(one, other, names):
    assert list(one[names]) == list(other[names]), (one["row"], other["row"])


def test_what_the_papers_print_twice_is_the_same_here(rows):
    """Each number of these was typed from another page than its twin."""
    quality = ["ssim", "is", "mask_ssim", "mask_is", "fid"]
    for dataset, names in (
        ("market1501", quality),
        ("deepfashion_without_background", ["ssim", "is", "fid"]),
    ):
        full = only(rows, paper="SPT", table="1", dataset=dataset, generator="spt")
        same(full, only(rows, paper="SPT", table="3", dataset=dataset, row="E2E"), names)
    theirs = only(rows, paper="PATN", table="1", dataset="market1501", generator="patn")
    same(
        theirs,
        only(rows, paper="SPGNet", table="2", dataset="market1501", generator="patn"),
        ["ssim", "mask_ssim", "pckh"],
    )
    for dataset in ("market1501", "deepfashion"):
        theirs = only(rows, paper="PATN", table="3", dataset=dataset, generator="patn")
        same(
            theirs,
            only(rows, paper="SPGNet", table="2", dataset=dataset, generator="patn"),
            ["r2g_percent", "g2r_percent"],
        )
    for row, again in (("Ma et al. [4]", "PG2 [1]"), ("Siarohin et al. [5]", "Def-GAN [5]")):
        theirs = only(rows, paper="PATN", table="1", dataset="market1501", row=row)
        spts = only(rows, paper="SPT", table="1", dataset="market1501", row=again)
        same(theirs, spts, ["ssim", "is", "mask_ssim", "mask_is"])


def test_best_values_that_the_papers_print_in_bold(rows):
    spgnet = rows[(rows["paper"] == "SPGNet") & (rows["dataset"] == "market1501")].set_index("row")
    assert spgnet["ssim"].idxmax() == "BiGraphGAN [34]" and spgnet["fid"].idxmin() == "GFLA [29]"
    for name in ("pckh", "g2r_percent", "r2g_percent", "jab_percent"):
        assert spgnet[name].idxmax() == "Ours"
    for name in ("lpips", "mask_lpips"):
        assert spgnet[name].idxmin() == "Ours"
    spt = rows[(rows["paper"] == "SPT") & (rows["table"] == "1")]
    assert (spt.loc[spt.groupby("dataset")["fid"].idxmin(), "row"] == "Ours").all()
    assert (spt.loc[spt.groupby("dataset")["is"].idxmax(), "row"] == "Ours").all()


def test_every_row_is_of_one_table_and_has_numbers(rows):
    assert not rows.duplicated(["paper", "table", "dataset", "row"]).any()
    numbers = rows.drop(columns=["paper", "table", "dataset", "protocol", "row", "generator"])
    assert (
        (numbers.dtypes == "float64").all()
        and numbers.notna().any(axis=1).all()
        and (numbers.min() > 0).all()
    )
    fractions = numbers[["ssim", "mask_ssim", "ds", "pckh", "lpips", "mask_lpips"]]
    assert fractions.max().max() <= 1
    assert rows.groupby(["paper", "table"]).size().to_dict() == {
        ("PATN", "1"): 20,
        ("PATN", "2"): 6,
        ("PATN", "3"): 10,
        ("SPGNet", "2"): 14,
        ("SPT", "1"): 15,
        ("SPT", "3"): 8,
    }


def test_tables_of_a_data_set():
    found = tables("market1501")
    assert [title for title, _ in found] == [
        "PATN, Table 1",
        "PATN, Table 2",
        "PATN, Table 3",
        "SPT, Table 1",
        "SPT, Table 3",
        "SPGNet, Table 2",
    ]
    spt = found[3][1]
    assert [
        name
        for name in spt.columns
        if name not in ("paper", "table", "dataset", "protocol", "row", "generator")
    ] == [
        "ssim",
        "is",
        "mask_ssim",
        "mask_is",
        "fid",
    ]
    assert list(spt["fid"]) == ["142.731", "78.305", "211.710", "70.008", "56.442"], (
        "as printed, to the last digit"
    )
    assert spt.set_index("row").at["V-Unet [4]", "mask_is"] == ""
    assert list(found[1][1].columns[-2:]) == ["parameters_millions", "images_per_second"]
    assert tables("mini_market") == []
