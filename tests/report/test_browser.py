"""The page in a real browser: quiet, whole, readable at any width, without a network.

Needs the extra `browser`, a Chromium on the PATH, and axe-core where `make browser` puts it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_tags import PROJECT, REPORTS

from mlcli.experiments import EXPERIMENTS, about

sync_api = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
AXE = PROJECT / ".browser" / "package" / "axe.min.js"
WIDTHS = (375, 1440)
SCHEMES = ("light", "dark")

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason=f"no browser of {', '.join(NAMES)} on the PATH"),
    # The driver's sockets are closed by its own process, which Python's checks don't see.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of every committed run."""
    from mlcli.report.gallery import write_gallery

    page = tmp_path_factory.mktemp("browser") / "index.html"
    write_gallery([REPORTS], page)
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


class Opened:
    """A page that is open, with what it said and what it asked for."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())


@pytest.fixture(scope="module", params=[(w, s) for w in WIDTHS for s in SCHEMES], ids=str)
def opened(request: pytest.FixtureRequest, browser: Any, report: Path) -> Iterator[Opened]:
    width, scheme = request.param
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    found = Opened(browser, report, **options)
    yield found
    found.context.close()


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """A fresh page to click on."""
    found = Opened(browser, report, viewport={"width": 1440, "height": 900})
    yield found.page
    assert found.said == []
    found.context.close()


def test_it_is_quiet_and_asks_for_nothing(opened: Opened, report: Path) -> None:
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [report.as_uri()]


def test_nothing_is_wider_than_the_window(opened: Opened) -> None:
    size = opened.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert size[0] <= size[1]


def test_every_figure_is_drawn_and_every_link_leads_somewhere(opened: Opened) -> None:
    found = opened.page.evaluate(
        """() => ({
          figures: document.querySelectorAll("figure, .missing span").length,
          empty: [...document.querySelectorAll("figure svg")]
            .filter((one) => one.getBoundingClientRect().height < 40 ||
              one.querySelectorAll("path, image").length < 3)
            .map((one) => one.closest("figure").id),
          broken: [...document.images].filter((one) => !one.naturalWidth).length,
          dead: [...document.links].map((one) => one.getAttribute("href"))
            .filter((href) => !href.startsWith("#") || !document.getElementById(href.slice(1))),
        })"""
    )
    assert found["figures"] == sum(
        len(about(name).figures) for name in EXPERIMENTS if name != "baseline"
    )
    assert (found["empty"], found["broken"], found["dead"]) == ([], 0, [])


def test_no_text_of_a_figure_is_cut_off(opened: Opened) -> None:
    outside = opened.page.evaluate(
        """() => [...document.querySelectorAll("figure svg")].flatMap((svg) => {
          const box = svg.getBoundingClientRect();
          return [...svg.querySelectorAll("text")].filter((text) => {
            const own = text.getBoundingClientRect();
            return own.left < box.left - 2 || own.right > box.right + 8 ||
              own.top < box.top - 4 || own.bottom > box.bottom + 4;
          }).map((text) => `${svg.closest("figure").id}: ${text.textContent}`);
        })"""
    )
    assert outside == []


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core; `make browser` fetches it")
def test_axe_finds_nothing_serious(opened: Opened) -> None:
    opened.page.evaluate(AXE.read_text(encoding="utf-8"))
    violations = opened.page.evaluate("axe.run().then((found) => found.violations)")
    serious = [one for one in violations if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []


def test_search_counts_and_hides(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("sigmoid tanh")
    total = page.locator("figure").count()
    shown = page.locator("figure:visible").count()
    # What is folded is unfolded where it matches.
    assert page.locator(".more figure:visible").count() > 0
    assert 0 < shown < total
    assert page.locator("#found").inner_text() == f"{shown} of {total} figures shown"
    page.keyboard.press("Escape")
    assert page.locator("figure:visible").count() == page.locator(".run").count() < total
    page.keyboard.type("no such word")
    assert page.locator("main section:visible").count() == 0


def test_a_link_to_a_hidden_figure_shows_it(page: Any) -> None:
    page.fill("#search", "sigmoid")
    page.evaluate("location.hash = 'kfold-errors'")
    page.wait_for_selector("#kfold-errors:visible")


def test_the_pointer_reads_values_off(page: Any) -> None:
    figure = page.locator("#kfold-errors")
    figure.scroll_into_view_if_needed()
    svg = figure.locator("svg")
    values = page.evaluate(
        "JSON.parse(document.querySelector('#kfold-errors > script').textContent)"
    )
    number = values["labels"].index("training error")
    series = next(s for s in values["panels"][0]["series"] if s["n"] == number)
    px, py, x, y = series["points"][-1]
    box = svg.bounding_box()
    width = float(svg.get_attribute("viewBox").split()[2])
    scale = box["width"] / width
    page.mouse.move(box["x"] + px * scale, box["y"] + py * scale)
    reading = figure.locator(".reading").inner_text().splitlines()
    assert reading == ["training error", f"degree: {x}", f"{values['panels'][0]['y']}: {y}"]
    page.mouse.move(0, 0)
    assert figure.locator(".reading").is_hidden()


def test_the_arrow_keys_read_the_same_values_aloud(page: Any) -> None:
    figure = page.locator("#kfold-errors")
    figure.locator(".plot").focus()
    page.keyboard.press("ArrowRight")
    first = figure.locator("[role=status]").inner_text()
    page.keyboard.press("ArrowRight")
    second = figure.locator("[role=status]").inner_text()
    page.keyboard.press("ArrowDown")
    third = figure.locator("[role=status]").inner_text()
    assert "degree: 0" in first
    assert "degree: 1" in second
    assert third.split(",")[0] != second.split(",")[0]


def test_a_series_is_switched_off_and_on(page: Any) -> None:
    page.evaluate("location.hash = 'train-mlp-curves'")
    figure = page.locator("#train-mlp-curves")
    button = figure.get_by_role("button", name="xavier", exact=True)
    number = page.evaluate(
        "JSON.parse(document.querySelector('#train-mlp-curves > script').textContent)"
        ".labels.indexOf('xavier')"
    )
    parts = figure.locator(f"[data-series='{number}']")
    panels = 3
    # A curve and its band in each panel.
    assert parts.count() == 2 * panels
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert parts.first.is_hidden()
    button.press("Enter")
    assert parts.first.is_visible()


def test_a_figure_opens_as_large_as_the_window_and_goes_back(page: Any) -> None:
    figure = page.locator("#kfold-errors")
    before = figure.locator("svg").bounding_box()["width"]
    figure.get_by_role("button", name="Enlarge").click()
    assert page.locator("dialog svg").bounding_box()["width"] > 1.2 * before
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    assert figure.locator("svg").bounding_box()["width"] == pytest.approx(before, abs=1)


def test_the_contents_follow_and_keys_go_from_section_to_section(page: Any) -> None:
    sections = page.locator("section.run").evaluate_all("all => all.map((one) => one.id)")
    for name in sections[:3]:
        page.keyboard.press("Alt+ArrowDown")
        assert page.locator(".contents [aria-current]").get_attribute("href") == f"#{name}"
        assert page.url.endswith(f"#{name}")
    page.keyboard.press("Alt+ArrowUp")
    assert page.locator(".contents [aria-current]").get_attribute("href") == f"#{sections[1]}"


def test_a_link_to_what_is_folded_unfolds_it(page: Any) -> None:
    folded = page.locator(".more figure").nth(3).get_attribute("id")
    assert page.locator(f"#{folded}").is_hidden()
    page.evaluate("(name) => { location.hash = name; }", folded)
    page.locator(f"#{folded}").wait_for(state="visible")


def states_of(report: Path) -> dict[str, Any]:
    """What each explorable of the page shows, by its id."""
    text = report.read_text(encoding="utf-8")
    pattern = (
        r'<div class="explorable" id="([^"]+)".*?<script type="application/json">(.*?)</script>'
    )
    return {name: json.loads(data) for name, data in re.findall(pattern, text, re.S)}


def test_every_explorable_is_moved_by_keys_and_by_the_pointer(page: Any, report: Path) -> None:
    """What it says is the sentence of its position, whichever way it came there."""
    every = states_of(report)
    assert len(every) >= 9
    for name, data in every.items():
        holder = page.locator(f"#{name}")
        page.evaluate("(name) => { location.hash = name; }", name)
        holder.locator("input").first.wait_for()
        at = list(data["start"])
        for place, control in enumerate(data["controls"]):
            slider = holder.locator("input").nth(place)
            slider.focus()
            page.keyboard.press("Home")
            at = nearest(data, [*at[:place], 0, *at[place + 1 :]])
            check_state(holder, data, at)
            page.keyboard.press("ArrowRight")
            at = nearest(data, [*at[:place], 1, *at[place + 1 :]])
            check_state(holder, data, at)
            box = slider.bounding_box()
            page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
            at = nearest(data, [*at[:place], len(control["values"]) - 1, *at[place + 1 :]])
            check_state(holder, data, at)
            assert holder.locator("output").nth(place).inner_text() == control["values"][at[place]]
            assert slider.get_attribute("aria-valuetext") == control["values"][at[place]]


def nearest(data: Any, at: list[int]) -> list[int]:
    """The position, or the end of its last control if that ends earlier."""
    ends = (last for last in range(at[-1], -1, -1) if key_of([*at[:-1], last]) in data["states"])
    return [*at[:-1], next(ends)]


def key_of(at: list[int]) -> str:
    return ",".join(map(str, at))


def check_state(holder: Any, data: Any, at: list[int]) -> None:
    """The sentence and the number of marks that are drawn are those of a position."""
    state = data["states"][key_of(at)]
    assert holder.locator(".says").inner_text() == " ".join(state["says"].split())
    drawn = holder.locator(".panel").evaluate_all(
        "all => all.map((one) => one.querySelectorAll('svg > g')[1].children.length)"
    )
    assert drawn == [len(marks) for marks in state["marks"]]


def test_without_a_script_the_page_is_whole(browser: Any, report: Path) -> None:
    found = Opened(browser, report, java_script_enabled=False)
    for fold in found.page.locator(".more > summary").all():
        fold.click()
    assert found.page.locator("figure:visible").count() == found.page.locator("figure").count()
    assert found.page.locator("button").count() == 0
    assert found.page.locator(".explorable:visible").count() == 0
    assert found.page.locator(".search").is_hidden()
    found.context.close()


def test_print_is_light_and_shows_every_series(page: Any) -> None:
    page.evaluate("location.hash = 'train-mlp-curves'")
    page.locator("#train-mlp-curves").get_by_role("button", name="xavier", exact=True).click()
    page.emulate_media(media="print", color_scheme="dark")
    assert (
        page.locator("#train-mlp-curves .off").first.evaluate("e => getComputedStyle(e).display")
        != "none"
    )
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("button:visible").count() == 0


def plots_page(folder: Path, **templates: str) -> Path:
    """What `dvc plots show` writes, with the committed page and templates, for one small table."""
    from dvc_render.html import render_html
    from dvc_render.vega import VegaRenderer

    rows = [
        {
            "x": str(10.0**i),
            "y": str(2.0**i),
            "y_ci_low": str(0.8 * 2.0**i),
            "rev": rev,
            "y_ci_high": str(1.5 * 2.0**i),
            "field": "y",
        }
        for rev in ("workspace", "HEAD")
        for i in range(-3, 3)
    ]
    renderers = [
        VegaRenderer(
            [dict(row) for row in rows],
            name,
            x="x",
            y="y",
            title=f"<b>{name}",
            template=template,
            template_dir=str(PROJECT / ".dvc" / "plots"),
        )
        for name, template in templates.items()
    ]
    render_html(renderers, folder / "index.html", PROJECT / ".dvc" / "plots.html")
    return folder / "index.html"


def test_dvc_plots_are_drawn_without_a_network(browser: Any, tmp_path: Path) -> None:
    names = {"plain": "band", "log_x": "band_log_x", "log_y": "band_log_y", "dvc_s": "linear"}
    found = Opened(browser, plots_page(tmp_path, **names), color_scheme="dark")
    assert found.said == []
    assert [url for url in found.asked if not url.startswith(("data:", "file:"))] == []
    assert found.page.locator("svg").count() == len(names)
    titles = found.page.locator("svg .title").all_text_contents()
    assert titles == [f"<b>{name}" for name in names]
    # Two revisions, each a curve and a legend entry; DVC's own template has no bands.
    assert found.page.locator("svg >> nth=0 >> path.line").count() == 4
    assert found.page.locator("svg >> nth=0 >> path[opacity]").count() == 2
    assert found.page.locator("svg >> nth=3 >> path[opacity]").count() == 0
    found.context.close()


def test_a_plot_that_is_no_curve_is_a_table(browser: Any, tmp_path: Path) -> None:
    found = Opened(browser, plots_page(tmp_path, bars="bar_horizontal"))
    assert found.said == []
    assert found.page.locator("svg").count() == 0
    assert found.page.locator("table tr").count() == 13
    found.context.close()
