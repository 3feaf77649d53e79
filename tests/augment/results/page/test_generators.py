"""The generators' report cards on the page: as data, as text, and in a browser."""

import json
from dataclasses import astuple

import made_cards
import made_results
import pytest

from augment import files
from augment.results.page import generators
from augment.results.report_card.metrics import METRICS

URL = "http://127.0.0.1:5000"
# How many names of drawings leave their drawing or lie on another.
OUTSIDE = """
    return [...document.querySelectorAll('.dots')].flatMap((drawing) => {
        const box = drawing.getBoundingClientRect();
        const names = [...drawing.querySelectorAll('.name')].map((name) => name.getBoundingClientRect());
        return names.filter((name, n) => name.left < box.left - 1 || (n && name.top < names[n - 1].bottom - 3));
    }).length;
"""


@pytest.fixture
def cards(tmp_path):
    made_cards.write(tmp_path)
    return [
        files.read_json(file) for file in sorted((tmp_path / "results/generators").glob("*.json"))
    ]


@pytest.fixture
def section(cards):
    (found,) = generators.sections(cards, URL, embed=False)
    return found


def column(section, key):
    """Row name -> cell."""
    title = METRICS[key].title
    (group, place), *_ = [
        (group, place)
        for group, (_, heads) in enumerate(section.groups)
        for place, head in enumerate(heads)
        if head == (title, METRICS[key].description)
    ]
    return {row.name: row.cells[group][place] for row in section.rows} | {
        "real": section.real[group][place]
    }


def test_no_cards_no_section():
    assert generators.sections([], URL, embed=True) == []


def test_a_section_for_each_data_set(cards):
    other = [card | {"dataset": "market1501"} for card in cards[:2]]
    found = generators.sections([*cards, *other], URL, embed=False)
    assert [(one.dataset, len(one.rows)) for one in found] == [
        ("market1501", 2),
        ("mini_market", len(cards)),
    ]


def test_trained_ones_then_puppets_then_references(section):
    names = [row.name for row in section.rows]
    assert names == [
        "apatn",
        "patn",
        "patn-leak_free-0.3",
        "spgnet",
        "spt",
        "puppet",
        "puppet-pose",
        "copy_source",
        "mean_image",
    ]
    assert [row.name for row in section.rows if row.reference] == names[-2:]
    assert (
        section.rows[1].run == f"{URL}/#/experiments/1/runs/{made_cards.NAMES.index('patn'):032x}"
        and not section.rows[-1].run
    )


def test_values_with_their_intervals_and_the_real_images(cards, section):
    for key in made_cards.RANGES:
        cells = column(section, key)
        for card in cards:
            found, cell = card["metrics"][key], cells[card["generator"]]
            if "value" in found:
                assert cell.sort == found["value"] and float(
                    cell.text.replace("−", "-")
                ) == pytest.approx(found["value"], abs=0.05)
                low, high = found["low"], found["high"]
                assert (cell.interval == "") == (low is None)
                assert low is None or [
                    float(one.replace("−", "-")) for one in cell.interval.split(" to ")
                ] == [
                    pytest.approx(low, abs=0.05),
                    pytest.approx(high, abs=0.05),
                ]
        real = made_cards.REAL.get(key)
        assert cells["real"] == ("" if real is None else f"{real:.3f}")


def test_a_metric_that_does_not_apply_is_empty_and_one_that_is_missing_says_why(section):
    miou = column(section, "miou")
    assert (
        miou["patn"].text == "" and miou["patn"].why == "" and miou["spgnet"].text.startswith("0.")
    )
    fid = column(section, "fid")["patn"]
    assert (fid.text, fid.sort, fid.why) == (
        "–",
        "",
        f"no weights of Inception, and no network; missing file: {made_cards.INCEPTION}",
    )
    by_reason = {one.reason: (one.metrics, one.names, one.file) for one in section.missing}
    assert by_reason == {
        "no weights of Inception, and no network": (
            ["FID", "IS", "mask-IS"],
            [],
            made_cards.INCEPTION,
        ),
        "no weights of AlexNet, and no network": (
            ["LPIPS", "mask-LPIPS"],
            [],
            made_cards.WANTED["lpips"][1],
        ),
        "torchvision is not installed": (["DS"], [], None),
        "the pose network is not trained; run `augment train-pose-network`": (
            ["PCKh"],
            ["spt"],
            None,
        ),
    }


def test_what_is_missing_of_outputs_and_real_images_alike_is_said_once(cards):
    untrained = {"unavailable": "the re-ID judge is not trained", "file": "weights.pt"}
    other = {"unavailable": "came out as nan", "file": None}
    metrics = {
        "identity_mAP": untrained,
        "identity_mAP_real": untrained,
        "pckh": untrained,
        "pckh_real": other,
    }
    (found,) = generators.sections([cards[0] | {"metrics": metrics}], URL, embed=False)
    assert [(one.metrics, one.reason) for one in found.missing] == [
        (["identity mAP", "PCKh"], untrained["unavailable"]),
        (["PCKh of real images"], other["unavailable"]),
    ]
    assert found.drawings == []


def test_speed_of_those_that_have_one(cards, section):
    title, heads = section.groups[-1]
    assert title == "size and speed" and [head for head, _ in heads] == [
        "images/s",
        "images/s, 32",
        "parameters",
        "multiply-adds",
    ]
    patn = next(row for row in section.rows if row.name == "patn").cells[-1]
    assert (patn[2].text, patn[3].text) == ("1.87", "0.35")
    assert [cell.text for cell in section.rows[-1].cells[-1]] == ["", "", "", ""]


def test_who_is_told_more_of_the_target(section):
    assert section.extra == [("puppet", "target background, target colours")]


def test_published_tables_are_those_of_market1501(cards, section):
    assert section.published == []
    theirs = [card | {"dataset": "market1501"} for card in cards]
    (found,) = generators.sections(theirs, URL, embed=False)
    tables = {table.title: table for table in found.published}
    assert list(tables) == [
        "PATN, Table 1",
        "PATN, Table 2",
        "SPT, Table 1",
        "SPT, Table 3",
        "SPGNet, Table 2",
    ]
    patn = next(card for card in cards if card["generator"] == "patn")
    one = tables["PATN, Table 1"]
    assert one.columns == ["SSIM", "IS", "mask-SSIM", "mask-IS", "DS", "PCKh"]
    assert dict(one.rows)["PATN"] == ["0.311", "3.323", "0.811", "3.773", "0.74", "0.94"]
    keys = ("ssim_legacy", "mask_ssim_legacy", "pckh")
    ours = [f"{patn['metrics'][key]['value']:.3f}" for key in keys]
    assert dict(one.ours)["patn, 64×32"] == [ours[0], "–", ours[1], "–", "–", ours[2]], (
        "by PATN's protocol"
    )
    clean = f"{patn['metrics']['ssim']['value']:.3f}"
    assert (
        tables["SPT, Table 1"].columns[0] == "SSIM"
        and dict(tables["SPT, Table 1"].ours)["patn, 64×32"][0] == clean
    )
    assert dict(tables["PATN, Table 2"].ours)["patn, 64×32"][0] == "1.87"
    assert dict(tables["PATN, Table 2"].rows)["PATN (9 PATBs)"] == [
        "41.36 M".removesuffix(" M"),
        "60.61",
    ]
    assert tables["SPGNet, Table 2"].columns == [
        "SSIM",
        "mask-SSIM",
        "PCKh",
        "FID",
        "LPIPS",
        "mask-LPIPS",
    ], "no user study"


def test_dots_stand_where_their_numbers_are(cards, section):
    assert [drawing.title for drawing in section.drawings] == [
        "SSIM",
        "PCKh",
        "identity mAP",
        "Fréchet, re-ID",
        "diversity",
        "to training",
    ]
    drawing = section.drawings[2]
    (x0, first), *_, (x1, last) = drawing.ticks
    scale = (x1 - x0) / (float(last) - float(first))
    of, of_real = (
        {card["generator"]: card["metrics"][f"identity_mAP{real}"] for card in cards}
        for real in ("", "_real")
    )
    of_real = {name: found["value"] for name, found in of_real.items()}
    assert (
        [dot.name for dot in drawing.dots]
        == [name for name, _ in drawing.names]
        == [row.name for row in section.rows]
    )
    for dot in drawing.dots:
        wanted = [
            x0 + scale * (of[dot.name][part] - float(first)) for part in ("value", "low", "high")
        ]
        assert [dot.x, dot.low, dot.high] == pytest.approx(wanted, abs=0.11)
        assert dot.faint == (dot.name in ("copy_source", "mean_image"))
        assert dot.real == pytest.approx(x0 + scale * (of_real[dot.name] - float(first)), abs=0.11)
    assert {dot.real for dot in section.drawings[0].dots} == {None}, (
        "identical images have SSIM 1 by definition"
    )
    pckh = section.drawings[1]
    assert "spt" not in {dot.name for dot in pckh.dots} and "spt" in dict(pckh.names), (
        "rows are the same in all drawings"
    )


def test_the_real_images_of_a_row_are_those_of_its_card(cards):
    """The training image nearest to a real one depends on the generator's training images."""
    own = next(card for card in cards if card["generator"] == "patn")
    own["metrics"]["memorisation_real"] = {"value": 0.9, "low": 0.8, "high": 1.0}
    (section,) = generators.sections(cards, URL, embed=False)
    places = {dot.name: dot.real for dot in section.drawings[5].dots}
    alone = places.pop("patn")
    assert len(set(places.values())) == 1 and alone > max(places.values())


def test_the_page_without_cards(report):
    page, _ = report(
        lambda folder: made_results.write(
            folder, budgets=("epochs",), seeds=(0,), portions=(0.1, 1.0)
        )
    )
    text = page.read_text()
    assert (
        "The generators themselves" not in text
        and 'class="cards"' not in text
        and 'cards-table"' not in text
    )


def with_sheets(folder, dataset):
    made_results.write(folder, dataset, budgets=("epochs",), seeds=(0,), portions=(0.1, 1.0))
    made_cards.write(folder, dataset, names=("patn", "mean_image"), sheets=True)


def test_sheets_of_rendered_people_are_shown(report):
    page, _ = report(lambda folder: with_sheets(folder, "mini_market"))
    text = page.read_text()
    assert text.count("data:image/jpeg") == 3, (
        "the mean image has no sheet here, and best_ssim no room"
    )
    assert (
        "Outputs of patn" in text
        and "attention of patn" in text
        and "Outputs of mean_image" not in text
    )
    assert "Comparison with published figures" not in text
    table = (page.parent / "generators.csv").read_text()
    assert (
        table.startswith("generator,dataset,pairs,ssim,ssim_low,ssim_high")
        and len(table.splitlines()) == 3
    )


@pytest.mark.parametrize(
    "results, settings", [("market1501", "market1501"), ("mini_market", "market1501")]
)
def test_sheets_of_real_people_are_not(
    report, small_project_params, monkeypatch, results, settings
):
    monkeypatch.setitem(small_project_params["dataset"], "name", settings)
    text = report(lambda folder: with_sheets(folder, results))[0].read_text()
    assert "data:image" not in text and "Outputs of patn" not in text
    assert ("Comparison with published figures" in text) == (results == "market1501")


def test_one_foreign_card_hides_all_pictures(report):
    def made(folder):
        with_sheets(folder, "mini_market")
        file = folder / "results/generators/mean_image.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"dataset": "market1501"}))

    assert "data:image" not in report(made)[0].read_text()


@pytest.fixture
def opened(browser, small_report):
    browser.get_log("browser")
    browser.get(small_report[0].as_uri())
    return browser


def cells_of(browser, place):
    rows = "[...document.querySelectorAll('.cards-table tbody tr')]"
    return browser.execute_script(f"return {rows}.map(row => row.cells[{place}].dataset.sort)")


def test_the_table_sorts_and_leaves_the_real_images_below(opened):
    heads = opened.find_elements("css selector", ".cards-table thead tr:last-child th")
    titles = [head.get_attribute("textContent") for head in heads]
    for title in ("PCKh", "parameters"):
        place = titles.index(title)
        button = heads[place].find_element("css selector", "button")
        for order, turned in (("ascending", False), ("descending", True)):
            opened.execute_script("arguments[0].click()", button)
            assert heads[place].get_attribute("aria-sort") == order
            values = cells_of(opened, place)
            numbers = [float(value) for value in values if value]
            assert len(numbers) >= 7 and numbers == sorted(numbers, reverse=turned)
            assert set(values[len(numbers) :]) == {""}, "what has no number stays last"
    assert opened.find_element("css selector", ".cards-table tfoot th").text == "real images"
    assert opened.get_log("browser") == []


def test_a_dash_says_why_when_pointed_at(opened):
    dashes = opened.execute_script(
        "return [...document.querySelectorAll('.cards-table td[title]')].map(cell => [cell.innerText.trim(), cell.title])"
    )
    assert len(dashes) == 6 * len(made_cards.NAMES) + 1 and {text for text, _ in dashes} == {"–"}
    assert "torchvision is not installed" in {title for _, title in dashes}
    listed = opened.find_element("css selector", ".missing").text
    assert (
        f"missing file: {made_cards.INCEPTION}" in listed
        and "PCKh of spt: the pose network is not trained" in listed
    )


def test_short_names_are_inside_their_drawing_too(browser, report):
    def made(folder):
        made_results.write(folder, budgets=("epochs",), seeds=(0,), portions=(0.1, 1.0))
        made_cards.write(folder, names=("apatn", "puppet-pose"))

    browser.get(report(made)[0].as_uri())
    assert browser.execute_script(OUTSIDE) == 0


@pytest.mark.parametrize(
    "width, scheme", [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
)
def test_it_can_be_read(opened, width, scheme):
    """Contrast is at least WCAG's 4.5 to 1, and names lie inside their drawing without overlaps."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    probe = """
        const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        const luminance = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number).map(channel)
            .reduce((sum, value, n) => sum + value * [0.2126, 0.7152, 0.0722][n], 0);
        const paper = luminance(getComputedStyle(document.body).backgroundColor);
        const names = ['.dots .name', '.dots text', '.cards-table td', '.cards-table .reference td', '.cards-table tfoot td'];
        return names.map((name) => {
            const style = getComputedStyle(document.querySelector(name));
            const ink = luminance(name.startsWith('.dots') ? style.fill : style.color);
            return [name, (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)];
        });
    """
    for name, contrast in opened.execute_script(probe):
        assert contrast >= 4.5, f"{name} at {width} in {scheme}: {contrast:.2f}"
    assert opened.execute_script(OUTSIDE) == 0
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_equal_cards_give_equal_sections(cards):
    one, other = (generators.sections(order, URL, embed=False) for order in (cards, cards[::-1]))
    assert astuple(one[0]) == astuple(other[0])
