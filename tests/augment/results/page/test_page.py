"""The whole page, as `augment report` writes it: as text, and in a browser."""

import json
import re
from functools import partial

import click
import made_results
import pandas as pd
import pytest
from PIL import Image


@pytest.fixture
def opened(browser, small_report):
    page, _ = small_report
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(page.as_uri())
    return browser


def cells(browser, column):
    rows = "[...document.querySelectorAll('#arms-table tbody tr')]"
    return browser.execute_script(f"return {rows}.map(row => row.cells[{column}].innerText.trim())")


def test_it_needs_nothing_else(small_report):
    text = small_report[0].read_text()
    links = set(re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", text))
    outside = {link for link in links if not link.startswith(("data:", "#"))}
    assert outside and all(
        link.startswith("http://127.0.0.1:5000/#/experiments/1/runs") for link in outside
    )
    assert "@import" not in text and "http-equiv" not in text


def test_equal_results_give_equal_bytes(report):
    first = report(
        partial(made_results.write, budgets=("epochs",), seeds=(0,), portions=(0.1, 1.0))
    )[0].read_bytes()
    assert report(lambda folder: None)[0].read_bytes() == first


def test_the_alarm_is_on_the_page_and_on_the_terminal(small_report):
    page, printed = small_report
    text, summary = page.read_text(), pd.read_csv(page.with_name("summary.csv"))
    harmed = summary[summary["harm"]]
    assert set(harmed["augmentation"]) == {"patn-leak_free", "patn"} and set(harmed["budget"]) == {
        "iterations",
        "epochs",
    }
    assert (
        f"Harm: {len(harmed)} of {summary['difference'].notna().sum()} arms lower mAP beyond the spread over seeds"
        in text
    )
    assert text.count('<tr class="harm">') == len(harmed)
    one_arm = r"^HARM mini_market, inception, equal iterations: patn lowers mAP at x3 \(-0\.0\d\d ± 0\.0\d\d\)$"
    assert re.search(one_arm, printed, re.MULTILINE)
    assert "patn does not beat puppet at 0.1, 0.5, x2, x3" in printed


def test_the_alarm_is_red(monkeypatch, report):
    said = []
    monkeypatch.setattr(click, "secho", lambda text, **style: said.append((text, style.get("fg"))))
    report(partial(made_results.write, budgets=("epochs",), seeds=(0,), portions=(0.1, 1.0)))
    colours = {colour for text, colour in said if text.startswith("HARM")}
    assert colours == {"red"} and {colour for text, colour in said if "does not beat" in text} == {
        "yellow"
    }


def test_unknown_cameras_are_said_on_the_page_and_on_the_terminal(report, small_report):
    text, said = (
        small_report[0].read_text(),
        "cameras are not known: gallery images of the query's own camera count",
    )
    assert said not in small_report[1] and said.replace("'", "’") not in text
    small = {"budgets": ("iterations",), "seeds": (0,), "portions": (0.1, 1.0)}
    page, printed = report(
        partial(made_results.write, dataset="folder", same_camera_rule=False, **small)
    )
    text = page.read_text()
    assert f"\nfolder: {said}\n" in printed
    assert (
        f'id="any-camera">folder: {said.replace(chr(39), "’")}. Scores tend to be higher than under the usual rule'
        in text
    )
    assert f"gallery images; {said}".replace("'", "&#39;") in text
    assert not pd.read_csv(page.with_name("curves.csv"))["same_camera_rule"].any()


def test_results_of_one_seed_without_the_newer_keys(report):
    older = {"budgets": ("iterations",), "seeds": (0,), "full": False}
    page, printed = report(partial(made_results.write, portions=(0.1, 0.5, 1.0), **older))
    text = page.read_text()
    assert "its spread is unknown, and any lower mean counts" in text and "held-out" not in text
    assert "(-0.0" in printed and "one seed" in printed


def test_published_curves_are_those_of_market1501(report):
    page, _ = report(made_results.market1501)
    text = page.read_text()
    assert text.count('data-series="patn (Table 6)"') == 3  # the legend, and mAP under two budgets
    assert "0.423" in text and "patn in Table 6, equal epochs: 0.78 at 0.1, 0.75 at 0.2" in text


def picture(folder, name):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 128), (200, 30, 60)).save(file)


def with_pictures(folder, dataset):
    """Results of a data set, a contact sheet, and ranked lists of one query with two images."""
    made_results.write(folder, dataset, budgets=("iterations",), seeds=(0,), portions=(0.1, 1.0))
    picture(folder, "data/generated/puppet/0.1/contact_sheet.png")
    person = {"pid": 3, "camid": 1}
    lists = [
        {
            "path": "q.jpg",
            **person,
            "ap": 0.5,
            "found": [{"path": "g.jpg", **person, "camid": 0, "hit": True}],
        }
    ]
    for name in ("q.jpg", "g.jpg"):
        picture(folder, f"data/prepared/{name}")
    for augmentation in ("none", "puppet"):
        file = folder / f"models/reid/iterations/inception/{augmentation}/0.1/seed0/ranked.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"queries": lists}))


def test_rendered_people_are_shown(report):
    text = report(partial(with_pictures, dataset="mini_market"))[0].read_text()
    assert text.count("data:image/jpeg") == 3  # the sheet, and two people once each
    assert "real images only at 0.1, seed 0" in text and "puppet at 0.1, seed 0" in text
    assert text.count('aria-label="place 1, hit: person 3, camera 1"') == 2


@pytest.mark.parametrize(
    "results, params", [("market1501", "mini_market"), ("mini_market", "market1501")]
)
def test_real_people_are_not(report, small_project_params, monkeypatch, results, params):
    monkeypatch.setitem(small_project_params["dataset"], "name", params)
    text = report(partial(with_pictures, dataset=results))[0].read_text()
    assert "data:image" not in text and "those of other data sets may not be embedded" in text


def test_it_opens_without_an_error_and_asks_the_network_for_nothing(opened):
    assert opened.title == "How much do generated images recover?"
    assert opened.get_log("browser") == []
    sent = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = {
        one["params"]["request"]["url"]
        for one in sent
        if one["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith("data:")} == {opened.current_url}


def test_a_click_sorts_and_another_turns_it_round(opened):
    heads = opened.find_elements("css selector", "#arms-table thead th")
    names = [head.text.split()[0] for head in heads]
    gap, budget = names.index("gap"), names.index("budget")
    button = heads[gap].find_element("css selector", "button")
    for order, turned in (("ascending", False), ("descending", True)):
        button.click()
        assert heads[gap].get_attribute("aria-sort") == order
        values = cells(opened, gap)
        numbers = [float(value.replace("−", "-")) for value in values if value]
        assert len(numbers) > 10 and numbers == sorted(numbers, reverse=turned)
        assert all(value == "" for value in values[len(numbers) :]), (
            "cells without a value stay last"
        )
    heads[budget].find_element("css selector", "button").click()
    assert heads[gap].get_attribute("aria-sort") is None and cells(opened, budget) == sorted(
        cells(opened, budget)
    )


def test_the_filter_and_the_legend(opened):
    opened.find_element("id", "filter").send_keys("puppet 0.1")
    shown = opened.execute_script(
        "return [...document.querySelectorAll('#arms-table tbody tr:not([hidden])')].length"
    )
    assert shown == 2 and opened.find_element("id", "shown").text.startswith("2 of ")
    line = opened.find_element("css selector", ".series[data-series=patn]")
    button = opened.find_element("css selector", ".legend button[data-series=patn]")
    for pressed in ("false", "true"):
        button.click()
        assert button.get_attribute("aria-pressed") == pressed and line.is_displayed() == (
            pressed == "true"
        )


def test_the_pointer_reads_a_column(opened):
    from selenium.webdriver import ActionChains

    chart = opened.find_element("css selector", ".chart")
    left = 60 - chart.size["width"] // 2
    ActionChains(opened).scroll_to_element(chart).move_to_element_with_offset(
        chart, left, 0
    ).perform()
    tip = opened.find_element("id", "tip").text
    assert (
        tip.startswith("at 0.1")
        and len(tip.splitlines()) == 7
        and re.search(r"puppet 0\.\d{3} ± 0\.\d{3}", tip)
    )


@pytest.mark.parametrize(
    "width, scheme", [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
)
def test_it_fits_and_can_be_read(opened, tmp_path, width, scheme):
    """No sideways scrolling, and ink that stands out from the paper by WCAG's 4.5 to 1."""
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
        return ['body', '.note', '.notice.bad table', '.chart text', 'tr.harm td', '#arms a'].map((name) => {
            const style = getComputedStyle(document.querySelector(name));
            const ink = luminance(name === '.chart text' ? style.fill : style.color);
            return [name, (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05), paper];
        });
    """
    for name, contrast, paper in opened.execute_script(probe):
        assert contrast >= 4.5, f"{name} at {width} in {scheme}: {contrast:.2f}"
        assert (paper > 0.5) == (scheme == "light")
    assert opened.save_screenshot(str(tmp_path / "page.png"))
    with Image.open(tmp_path / "page.png") as image:
        assert image.width == width and len(image.convert("RGB").getcolors(1 << 24)) > 50
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
