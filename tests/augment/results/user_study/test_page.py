"""The page in headless Chromium: whole studies, clicked through."""

import base64
import io
import json
import re
import time

import made_studies
import numpy as np
import pytest
from PIL import Image

from augment.results.user_study import answers, score
from augment.results.user_study.study import AB, GENERATED, REAL, REAL_OR_GENERATED

WAIT_S = 60  # of a machine that is busy with other work


@pytest.fixture
def opened(browser, tmp_path):
    """opened(form, ...) -> key, file, pictures; the page is open and nothing is remembered."""

    def open_page(*arguments, **named):
        file, key, shown = made_studies.write(tmp_path, *arguments, **named)
        browser.get(file.as_uri())
        browser.execute_script("localStorage.clear()")
        browser.get_log("browser"), browser.get_log("performance")
        browser.refresh()
        return file, key, shown

    yield open_page
    assert browser.get_log("browser") == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def wait(condition):
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.01)
    pytest.fail("the page does not come that far")


def by_id(browser, name):
    return browser.find_element("id", name)


def on(browser):
    """The screen that is to be seen."""
    return browser.execute_script("return document.querySelector('.screen:not([hidden])').id")


def begin(browser, rater="Ada"):
    by_id(browser, "rater").send_keys(rater)
    browser.find_element("css selector", "#who button").click()


def asked(browser):
    """Wait for a question; returns addresses of the pictures to judge, or none at the end."""

    def ready():
        if on(browser) == "rest":
            by_id(browser, "continue").click()
        script = "return document.querySelector('#choices button').ariaDisabled === 'false'"
        return on(browser) == "done" or on(browser) == "trial" and browser.execute_script(script)

    wait(ready)
    if on(browser) == "done":
        return None
    script = (
        "return [...document.querySelectorAll('#picture, #choices img')].map(image => image.src)"
    )
    return browser.execute_script(script)


def press(browser, key):
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(key).perform()


def tap(browser, element):
    box = element.rect
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    browser.execute_cdp_cmd(
        "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]}
    )
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def pixels(address):
    with Image.open(
        io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,")))
    ) as image:
        return np.asarray(image.convert("RGB"))


def trial_of(address, key, shown):
    """The key's row of the trial that shows this picture."""
    (number,) = [
        n
        for n, pictures in enumerate(shown)
        if any(np.array_equal(pixels(address), one) for one in pictures)
    ]
    return key["trials"][number]


def saved(browser, folder):
    """The file that the button saves."""
    folder.mkdir()
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
    )
    by_id(browser, "save").click()
    return wait(lambda: next(iter(folder.glob("answers-*.json")), None))


def test_real_or_generated_from_the_first_click_to_the_table(browser, opened, tmp_path, augment):
    """Two generators, one second per image; keys, buttons, touch; R2G and G2R counted by hand."""
    file, key, shown = opened(REAL_OR_GENERATED, ("patn", "apatn"), 2, 1)
    begin(browser, "Ada Lovelace")
    said, order = {}, []
    while addresses := asked(browser):
        trial = trial_of(addresses[0], key, shown)
        answer = [REAL, GENERATED][len(said) % 3 > 0]
        button = browser.find_elements("css selector", "#choices button")[answer == GENERATED]
        way = len(said) % 4
        if way == 0:
            button.click()
        elif way == 1:
            press(browser, "g" if answer == GENERATED else "r")
        elif way == 2:
            press(browser, "\ue014" if answer == GENERATED else "\ue012")  # arrows right and left
        else:
            tap(browser, button)
        said[trial["id"]] = answer
        order.append(trial["part"])
        wait(
            lambda: len(said) == browser.execute_script("return Object.keys(state.answers).length")
        )
    assert len(said) == 8 and order in ([0] * 4 + [1] * 4, [1] * 4 + [0] * 4)
    found = saved(browser, tmp_path / "downloads")
    assert re.fullmatch(rf"answers-{key['study'][:6]}-Ada-Lovelace.json", found.name)
    rater = answers.read(found, key, file)
    assert (
        rater.name == "Ada Lovelace"
        and {name: one.answer for name, one in rater.answers.items()} == said
    )
    shown_ms = [one.shown_ms for one in rater.answers.values()]
    assert min(shown_ms) >= 980 and np.median(shown_ms) < 1100, (
        "a second is a second, on a busy machine too"
    )
    assert all(one.seen == 1 and one.reaction_ms > 0 for one in rater.answers.values())

    printed = augment("user-study", "--score", str(found), "--output", str(file))
    assert printed.exit_code == 0, printed.output
    for part, generator in enumerate(("patn", "apatn")):
        own = [trial for trial in key["trials"] if trial["part"] == part and not trial["practice"]]
        real = [said[trial["id"]] for trial in own if trial["shown"] == [REAL]]
        made = [said[trial["id"]] for trial in own if trial["shown"] == [generator]]
        r2g, g2r = real.count(GENERATED) / len(real), made.count(REAL) / len(made)
        assert f"| {generator} | 1 | {r2g:.3f} | {g2r:.3f} |" in printed.output


def test_ab_from_the_first_click_to_the_table(browser, opened, tmp_path, augment):
    file, key, shown = opened(AB, ("patn", "apatn"), 5, 1, pause_ms=50)
    begin(browser)
    preferred = []
    while addresses := asked(browser):
        trial = trial_of(addresses[0], key, shown)
        assert [pixels(one).tolist() for one in addresses] == [
            one.tolist() for one in shown[int(trial["id"][1:])]
        ]
        place = (
            trial["shown"].index("patn") if len(preferred) != 2 else trial["shown"].index("apatn")
        )
        if len(preferred) % 2:
            press(browser, str(place + 1))
        else:
            browser.find_elements("css selector", "#choices button")[place].click()
        preferred.append(trial["shown"][place])
        wait(
            lambda: (
                len(preferred) == browser.execute_script("return Object.keys(state.answers).length")
            )
        )
    captions = [
        one.get_attribute("textContent")
        for one in browser.find_elements("css selector", "#given figcaption")
    ]
    assert captions == ["the person", "the pose"]
    found = saved(browser, tmp_path / "downloads")
    table = score.table(key, [answers.read(found, key, file)]).set_index("generator")["preferred"]
    assert preferred == ["patn", "patn", "apatn", "patn", "patn"] and dict(table) == {
        "patn": 0.75,
        "apatn": 0.25,
    }
    printed = augment("user-study", "--score", str(found), "--output", str(file))
    assert "| patn | 1 | 0.750 |" in printed.output and "chance: 0.500" in printed.output


def test_a_reload_loses_nothing_and_is_told(browser, opened):
    opened(REAL_OR_GENERATED, ("patn",), 3, 2, shown_ms=400, pause_ms=50)
    begin(browser)
    for key in "rg":
        asked(browser)
        press(browser, key)
    wait(lambda: on(browser) == "rest")
    assert by_id(browser, "rest-head").text == "That was practice"
    by_id(browser, "continue").click()
    wait(
        lambda: browser.execute_script("return getComputedStyle(picture).visibility === 'visible'")
    )
    browser.refresh()
    assert on(browser) == "rest" and by_id(browser, "rest-text").text == "Ada: 2 of 6 answered."
    while asked(browser):
        press(browser, "r")
        time.sleep(0.05)
    browser.refresh()
    assert on(browser) == "done"
    trials = json.loads(by_id(browser, "text").get_attribute("value"))["trials"]
    assert [one["answer"] for one in trials] == [REAL, GENERATED, REAL, REAL, REAL, REAL]
    assert [one["seen"] for one in trials] == [1, 1, 2, 1, 1, 1]
    by_id(browser, "another").click()
    by_id(browser, "forget").click()
    wait(lambda: on(browser) == "begin")


def test_no_answer_before_the_image_has_gone_and_none_in_a_pause(browser, opened):
    opened(REAL_OR_GENERATED, ("patn",), 2, 0, shown_ms=600, pause_ms=300)
    begin(browser)
    wait(
        lambda: browser.execute_script("return getComputedStyle(picture).visibility === 'visible'")
    )
    press(browser, "r")
    assert browser.execute_script("return Object.keys(state.answers).length") == 0
    asked(browser)
    press(browser, "p")
    assert by_id(browser, "pause").get_attribute("aria-pressed") == "true"
    press(browser, "r")
    wait(lambda: on(browser) == "rest")
    assert (
        by_id(browser, "rest-head").text == "Pause"
        and by_id(browser, "rest-text").text == "1 of 4 answered."
    )
    press(browser, "r")
    assert browser.execute_script(
        "return [Object.keys(state.answers).length, Object.keys(state.seen).length]"
    ) == [1, 1]
    assert browser.switch_to.active_element.get_attribute("id") == "continue", "Enter goes on"


@pytest.mark.parametrize("form", [REAL_OR_GENERATED, AB])
def test_it_needs_nothing_else_and_does_not_tell(browser, opened, form):
    file, key, _ = opened(form, ("patn", "apatn"), 3, 1)
    text = file.read_text()
    assert not re.search(
        r"patn|\bt\d+\.jpg|\bs\d+\.jpg", re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    )
    trial = json.loads(
        re.search(r'<script type="application/json" id="study">(.*?)</script>', text)[1]
    )["parts"][0][0]
    assert set(trial) == {"id", "practice", "shown", "given"}
    if form == REAL_OR_GENERATED:
        assert (
            len(
                {
                    len(one["shown"][0])
                    for one in json.loads(re.search(r"study\">(.*?)</script>", text)[1])["parts"][0]
                }
            )
            == 1
        )
    links = set(re.findall(r"""(?:src|href|url)\s*[=(]\s*["']([^"')\s>]+)""", text))
    assert all(link.startswith("data:") for link in links) and "@import" not in text
    begin(browser)
    asked(browser)
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {
        one["params"]["request"]["url"]
        for one in sent
        if one["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in urls if not url.startswith("data:")} == {browser.current_url}


def test_a_name_is_asked_for(browser, opened):
    opened(REAL_OR_GENERATED, ("patn",), 2, 0)
    begin(browser, "   ")
    assert on(browser) == "begin"


@pytest.mark.parametrize(
    "dataset, said",
    [("mini_market", "rendered people"), ("market1501", "keep this page to yourself")],
)
def test_it_says_what_it_shows(browser, opened, dataset, said):
    opened(AB, ("patn", "apatn"), 2, 0, dataset=dataset)
    assert said in by_id(browser, "begin").text and dataset in by_id(browser, "begin").text


@pytest.mark.parametrize("form", [REAL_OR_GENERATED, AB])
@pytest.mark.parametrize("width, height, scheme", [(1280, 720, "light"), (390, 760, "dark")])
def test_it_fits_and_can_be_read(browser, opened, tmp_path, form, width, height, scheme):
    """A question fits the window without scrolling, with contrast of at least WCAG's 4.5 to 1."""
    opened(form, ("patn", "apatn"), 2, 0, shown_ms=100, pause_ms=50)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    probe = """
        const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        const luminance = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number).map(channel)
            .reduce((sum, value, n) => sum + value * [0.2126, 0.7152, 0.0722][n], 0);
        return arguments[0].map(([ink, paper]) => {
            const one = luminance(getComputedStyle(document.querySelector(ink)).color);
            const other = luminance(getComputedStyle(document.querySelector(paper)).backgroundColor);
            return [ink, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)];
        });
    """
    read = [["body", "body"], [".note", "body"], ["kbd", "kbd"], ["#who button", "#who button"]]
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    found = browser.execute_script(probe, read)
    begin(browser)
    asked(browser)
    read = [["#where", "body"], ["figcaption", "#given"] if form == AB else ["#cross", "#stage"]]
    for name, contrast in found + browser.execute_script(probe, read):
        assert contrast >= 4.5, f"{name} in {scheme}: {contrast:.2f}"
    extent = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert extent[0] <= width and extent[1] <= height
    assert browser.save_screenshot(str(tmp_path / "page.png"))
