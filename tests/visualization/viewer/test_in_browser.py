"""The page in a real browser, by clicking; skipped where there is none.

Needs the extra `browser` and a Chromium: of the system, of `playwright install chromium`, or the
program that OVIS_JAX_CHROMIUM names. OVIS_JAX_SCREENSHOTS is a folder for pictures of the page as
each test left it.
"""

import json
import os
import pathlib
import shutil

import pytest
from tiny_ovis import write_tiny_ovis
from visualization.viewer.systems import ERRORS, write_systems

from ovis_jax.tools.browse import main
from ovis_jax.visualization.viewer import page as viewer

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright and a browser")
BROWSER = os.environ.get("OVIS_JAX_CHROMIUM") or shutil.which("chromium")
SCREENSHOTS = os.environ.get("OVIS_JAX_SCREENSHOTS")
LEVELS = ("no_occlusion", "slight_occlusion", "severe_occlusion")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a page with ground truth beside two systems."""
    folder = tmp_path_factory.mktemp("page")
    data = write_tiny_ovis(folder)
    path = folder / "annotations.json"
    document = json.loads(path.read_text())
    for own in document["annotations"]:
        own["occlusion"] = [m and LEVELS[k % 3] for k, m in enumerate(own["segmentations"])]
    path.write_text(json.dumps(document))
    results = write_systems(folder, path)
    options = ["--annotations", path, "--images", data.eval_images, "--videos", 1, 2]
    options += ["--results", *results, "--output", folder / "out"]
    assert main([*map(str, options)]) == 0
    (folder / "elsewhere").mkdir()
    alone = shutil.copy(folder / "out" / "index.html", folder / "elsewhere")  # without other files
    return f"file://{alone}"


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        except sync_api.Error as error:
            pytest.skip(f"no browser can be started: {error}")
        yield opened
        opened.close()


@pytest.fixture
def page(browser, address, request):
    """The page, freshly loaded; fails if its program does, or if it asks for any other file."""
    own = browser.new_page(viewport=dict(width=1400, height=1000))
    problems, asked = [], []
    own.on("pageerror", lambda error: problems.append(str(error)))
    own.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    own.on("request", lambda request: asked.append(request.url))
    own.goto(address)
    drawn(own, 0)
    yield own
    if SCREENSHOTS:
        path = pathlib.Path(SCREENSHOTS) / f"{request.node.name}.png"
        own.screenshot(path=path, full_page=True)
    assert problems == []
    assert [url for url in asked if not url.startswith("data:")] == [address]
    own.close()


def drawn(page, frame):
    """Waits until all panels show a frame."""
    page.wait_for_function(
        "frame => { const own = [...document.querySelectorAll('figure')];"
        " return own.every(each => each.dataset.frame === String(frame)); }",
        arg=frame,
    )


def captions(page):
    return page.locator("figcaption").all_inner_texts()


def shown_errors(page):
    items = page.locator("#errors li")
    return [
        (own.get_attribute("data-kind"), int(own.get_attribute("data-first")))
        for own in items.all()
    ]


def pixel(page, panel, x, y):
    """[r, g, b] of a panel's canvas."""
    return page.evaluate(
        "([panel, x, y]) => [...document.querySelectorAll('canvas')[panel]"
        ".getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)",
        [panel, x, y],
    )


def test_ground_truth_stands_beside_every_system(page):
    assert captions(page) == [
        "ground truth, 2 objects",
        "right, 2 objects",
        "wrong, 2 objects",
    ]
    assert page.locator("h3").all_inner_texts() == ["ground truth", "right", "wrong"]


def test_errors_are_listed_and_marked_and_a_click_goes_there(page):
    assert shown_errors(page) == [(kind, first) for kind, first, _ in ERRORS]
    for kind, first, last in ERRORS:
        bar = page.locator(f"#timelines rect.{kind}[x='{first}']")
        assert bar.count() == 1 and bar.get_attribute("width") == str(last + 1 - first)
    page.locator("#errors li[data-kind=missed] button").click()
    drawn(page, 2)
    assert captions(page)[2] == "wrong, 1 object"
    assert page.locator("#errors li.current").get_attribute("data-kind") == "missed"


def test_an_object_that_is_wrong_is_framed_in_the_panel_of_its_system(page):
    page.click("#labels")
    page.click("#next")
    page.click("#next")
    drawn(page, 2)  # where the red object, 16 pixels from (8, 2) on, is missed
    right, wrong = (pixel(page, panel, 8, 1) for panel in (1, 2))
    assert wrong[0] > 200 and wrong[0] - right[0] > 80
    page.click("#kinds input[data-key=missed]")
    page.wait_for_function("document.querySelectorAll('#errors li').length === 3")
    drawn(page, 2)
    assert pixel(page, 2, 8, 1) == right


def test_buttons_and_keys_go_from_frame_to_frame_and_from_error_to_error(page):
    page.click("#next")
    drawn(page, 1)
    page.click("#previous")
    page.click("#previous")  # there is none before the first
    drawn(page, 0)
    for _, first, _ in ERRORS:
        page.click("#error-after")
        drawn(page, first)
    page.click("#error-before")
    drawn(page, 2)
    page.keyboard.press("ArrowRight")
    drawn(page, 3)
    page.keyboard.press("n")
    drawn(page, 4)
    assert page.inner_text("#number") == "frame 4"


def test_a_click_on_a_timeline_goes_to_its_frame(page):
    box = page.locator("#timelines svg").nth(1).bounding_box()
    page.mouse.click(box["x"] + box["width"] * 3.5 / 6, box["y"] + 5)
    drawn(page, 3)
    line = page.locator(".now").first
    assert line.get_attribute("x1") == "3.5"


def test_masks_are_drawn_where_they_are_and_vanish_with_their_class(page):
    page.click("#labels")
    tinted, plain = pixel(page, 0, 10, 10), pixel(page, 0, 30, 10)
    page.click("#classes input[data-key='3']")  # red
    drawn(page, 0)
    page.wait_for_function(
        "document.querySelector('figcaption').textContent === 'ground truth, 1 object'"
    )
    assert pixel(page, 0, 30, 10) == plain and pixel(page, 0, 10, 10) != tinted
    assert shown_errors(page) == []  # all are in the red object
    page.click("#classes input[data-key='3']")
    page.wait_for_function(
        "document.querySelector('figcaption').textContent === 'ground truth, 2 objects'"
    )
    assert pixel(page, 0, 10, 10) == tinted and len(shown_errors(page)) == len(ERRORS)


def test_tracks_are_filtered_by_score_errors_by_kind_and_panels_by_system(page):
    page.locator("#score").evaluate(
        "own => { own.value = 0.75; own.dispatchEvent(new Event('input')); }"
    )
    page.wait_for_function("document.querySelectorAll('figure')[2].innerText === 'wrong, 1 object'")
    assert page.inner_text("#score-value") == "0.75"
    page.click("#kinds input[data-key=missed]")
    assert {kind for kind, _ in shown_errors(page)} == {"switch", "class"}
    page.click("#systems input[data-key=wrong]")
    assert page.locator("figure").count() == 2 and shown_errors(page) == []


def test_videos_are_chosen_and_addresses_name_video_and_frame(page, address):
    page.select_option("#videos", index=1)
    page.wait_for_function("location.hash === '#video-2-frame-0'")
    assert shown_errors(page) == []
    page.goto(f"{address}#video-1-frame-4")
    drawn(page, 4)
    assert page.locator("#videos option:checked").inner_text().startswith("video 1 ")


def test_it_plays_and_stops(page):
    page.click("#play")
    page.wait_for_function("document.getElementById('frame').value > 1")
    page.click("#play")
    assert page.inner_text("#play") == "play"


def test_of_a_long_video_every_second_frame_is_shown_under_its_own_number(
    browser, tmp_path, monkeypatch
):
    monkeypatch.setattr(viewer, "MOST_FRAMES", 3)
    data = write_tiny_ovis(tmp_path)
    results = write_systems(tmp_path, tmp_path / "annotations.json")
    options = ["--annotations", tmp_path / "annotations.json", "--images", data.eval_images]
    options += ["--results", results[1], "--output", tmp_path / "out", "--videos", 1]
    assert main([*map(str, options)]) == 0
    page = browser.new_page()
    page.goto(f"file://{tmp_path}/out/index.html#video-1-frame-2")
    drawn(page, 1)
    assert page.inner_text("#number") == "frame 2" and captions(page)[1] == "results, 1 object"
    page.click("#next")
    page.wait_for_function("location.hash === '#video-1-frame-4'")
    assert page.locator("#errors li[data-kind=missed]").inner_text().startswith("frame 2, ")
    page.close()
