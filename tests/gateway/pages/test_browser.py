"""Pages in a real browser: accessible, quick with news, safe with files."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openpyxl
import polars as pl
import pytest
import sdmx
import sdmx.reader.xml.v30  # it cannot be loaded once that of 2.1 was used
from axe_playwright_python.sync_playwright import Axe
from lxml import etree
from playwright.sync_api import Browser, Page

from tests.core.sdmx.messages import json_faults, xml_faults
from tests.core.sdmx.releases import Log, close, release
from tests.gateway.house import House, served

SIZES = {"phone": (390, 800), "desk": (1280, 900)}
PLACES = {
    "overview": "/?theme=movement",
    "figures": "/tables/STK_VEL?view=gap",
    "about": "/tables/PRM_NEW?tab=about",
    "quality": "/tables/PRM_NEW?tab=quality",
    "revisions": "/tables/PRM_NEW?tab=revisions",
    "freshness": "/freshness?",
    "calendar": "/calendar?",
    "report": "/report?frame=MGI",
    "embed": "/tables/PRM_NEW/embed?",
    "error": "/tables/NONE?",
}
NEWS_SECONDS = 10
"""What a test waits for at most on a busy machine."""

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


@contextmanager
def opened(
    browser: Browser, *, width: int = 1280, script: bool = True
) -> Iterator[Page]:
    """A page that fails the test for anything its console complains of."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        java_script_enabled=script,
        accept_downloads=True,
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text))
    page.on("pageerror", lambda one: said.append(str(one)))
    yield page
    context.close()
    assert [one for one in said if "404" not in one] == []


@pytest.mark.parametrize("place", PLACES)
def test_every_page_is_accessible(browser: Browser, url: str, place: str) -> None:
    """In three languages, on a phone and on a desk; no rule of axe is broken.

    Russian is judged on the phone and Turkmen on the desk, English on both; nothing is
    wider than the screen anywhere.
    """
    axe = Axe()
    with opened(browser) as page:
        for language in ("en", "ru", "tk"):
            page.goto(f"{url}{PLACES[place]}&lang={language}")
            for size, (width, height) in SIZES.items():
                page.set_viewport_size({"width": width, "height": height})
                inside = page.evaluate("document.documentElement.scrollWidth")
                assert inside <= width, f"{place} is {inside} wide on {width}"
                if (language, size) in {("ru", "desk"), ("tk", "phone")}:
                    continue
                found = axe.run(page, options=RULES)
                assert found.violations_count == 0, found.generate_report()


def test_high_contrast_is_remembered_and_accessible(browser: Browser, url: str) -> None:
    """Chosen once, by keyboard, it holds on every page."""
    with opened(browser) as page:
        page.goto(f"{url}/")
        page.focus("button.contrast")
        page.keyboard.press("Enter")
        page.goto(f"{url}/tables/PRM_NEW")

        assert page.get_attribute("html", "data-contrast") == "high"
        assert page.get_attribute("button.contrast", "aria-pressed") == "true"
        assert Axe().run(page, options=RULES).violations_count == 0


def test_a_keyboard_reaches_everything(browser: Browser, url: str) -> None:
    """The first key leads to the content; the choice can be made without a mouse."""
    with opened(browser) as page:
        page.goto(f"{url}/tables/PRM_NEW?lang=en")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.focus("details.picker summary")
        page.keyboard.press("Enter")
        page.focus("input[name=REASON][value=WORK]")
        page.keyboard.press("Space")
        page.focus("details.picker button")
        page.keyboard.press("Enter")
        page.wait_for_url("**REASON=FAMILY**")

        assert "REASON=WORK" not in page.url
        assert page.locator("table.figures tbody tr").count() > 0


def test_a_release_is_seen_at_once(browser: Browser, empty: House) -> None:
    """Without a reload, said aloud, and with the slider still there."""
    log = Log()
    release(log, ["STK_VEL"], close(1, "2024"))
    empty.take(log)
    with served(empty) as url, opened(browser) as page:
        page.goto(f"{url}/tables/STK_VEL?lang=en")
        page.wait_for_selector("html[data-hearing=yes]", state="attached")
        assert "2025" not in page.inner_text("table.figures")
        release(log, ["STK_VEL"], close(2, "2025"))
        empty.take(log)
        page.wait_for_selector(
            "td.period:has-text('2025')", timeout=NEWS_SECONDS * 1_000
        )

        assert "Updated just now" in page.inner_text(".news")
        assert page.locator(".timebar input[type=range]").count() == 1


def test_the_slider_leads_to_the_past(browser: Browser, url: str) -> None:
    """A step to the left is the release before."""
    with opened(browser) as page:
        page.goto(f"{url}/tables/PRM_NEW?lang=en")
        page.focus(".timebar input[type=range]")
        page.keyboard.press("ArrowLeft")
        page.wait_for_url("**asOf=2026-01-02**")

        assert "as they were on" in page.inner_text(".past")
        assert "Revised" not in page.inner_text("table.figures")


def test_a_chart_can_be_explored(browser: Browser, url: str) -> None:
    """The library comes when it is wanted, needs no eval, and tells figures."""
    with opened(browser) as page:
        page.goto(f"{url}/tables/PRM_NEW?lang=en")
        assert page.locator("script[src*='vega']").count() == 0
        page.click("button.live")
        canvas = page.wait_for_selector(".drawn canvas", timeout=60_000)

        assert canvas is not None
        box = canvas.bounding_box()
        assert box is not None
        assert box["width"] > 300
        for step in range(20):
            page.mouse.move(box["x"] + 250, box["y"] + 40 + 12 * step)
            if page.locator("#vg-tooltip-element.visible").count():
                break
        assert "Period" in page.inner_text("#vg-tooltip-element")


FORMS = ("CSV", "XLSX", "SDMX-ML", "SDMX-JSON", "HXL", "Parquet", "SVG", "PNG")


def test_files_are_downloaded_and_opened(
    browser: Browser, url: str, tmp_path: Path
) -> None:
    """As a reader does: a click, a file, a program that reads it; all say the same."""
    with opened(browser) as page:
        page.goto(f"{url}/tables/PRM_NEW?lang=ru&REASON=WORK")
        assert page.locator(".files a").all_inner_texts() == [*FORMS]
        found = {name: tmp_path / name for name in FORMS}
        for name, path in found.items():
            with page.expect_download() as waiting:
                page.click(f".files a:text-is('{name}')")
            waiting.value.save_as(path)
        shown = page.locator("table.figures tbody tr").count()
        size = page.evaluate(
            "async (url) => { const image = new Image(); image.src = url;"
            " await image.decode(); return [image.width, image.height]; }",
            f"data:image/png;base64,{b64encode(found['PNG'].read_bytes()).decode()}",
        )
    figures = {name: values(name, found[name]) for name in FORMS[:6]}

    assert len(figures["CSV"]) == 4 * shown
    assert any(one is None for one in figures["CSV"])
    for name, one in figures.items():
        assert Counter(one) == Counter(figures["CSV"]), name
    assert json_faults(found["SDMX-JSON"].read_text("utf-8"), "sdmx20") == []
    assert xml_faults(found["SDMX-ML"].read_text("utf-8"), "sdmx21") == []
    assert min(size) > 400
    picture = etree.fromstring(found["SVG"].read_bytes())
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert "Женщины" in "".join(picture.itertext())


def values(name: str, path: Path) -> list[float | None]:
    """All figures in a file, as the program that it is for reads them."""
    match name:
        case "CSV":
            with path.open(encoding="utf-8", newline="") as file:
                heads, *lines = csv.reader(file)
            at = next(i for i, one in enumerate(heads) if one.startswith("OBS_VALUE"))
            return [number(line[at]) for line in lines]
        case "XLSX":
            with path.open("rb") as file:
                book = openpyxl.load_workbook(file)
            heads, *rows = book[book.sheetnames[-1]].values
            return [row[heads.index("OBS_VALUE")] for row in rows]
        case "SDMX-ML":
            message = sdmx.read_sdmx(io.BytesIO(path.read_bytes()))
            return [number(str(one)) for one in sdmx.to_pandas(message)]
        case "SDMX-JSON":
            data = json.loads(path.read_text("utf-8"))["data"]["dataSets"][0]
            series = data["series"].values()
            return [one[0] for some in series for one in some["observations"].values()]
        case "HXL":
            with path.open(encoding="utf-8", newline="") as file:
                _, tags, *rows = csv.reader(file)
            marks = ("#population", "#indicator")
            mine = [at for at, one in enumerate(tags) if one.startswith(marks)]
            return [number(row[at]) for row in rows for at in mine]
        case _:
            return pl.read_parquet(path)["OBS_VALUE"].to_list()


def number(text: str) -> float | None:
    """A figure, None where there is none."""
    return None if text in {"", "nan"} else float(text)


def test_without_a_script_everything_is_there(browser: Browser, url: str) -> None:
    """Figures, picture, choice, moments, downloads."""
    with opened(browser, width=390, script=False) as page:
        page.goto(f"{url}/tables/PRM_NEW?lang=tk")
        page.click("details.picker summary")
        page.uncheck("input[name=REASON][value=WORK]")
        page.click("details.picker button")

        assert "REASON=FAMILY" in page.url
        assert page.locator("table.figures tbody tr").count() > 0
        assert page.locator(".timebar select").is_visible()
        assert page.locator("button.live").is_hidden()
        assert page.locator("figure.chart img").count() == 1
        assert page.locator(".files a").count() == 8


def test_paper_has_figures_and_no_buttons(browser: Browser, url: str) -> None:
    """Print keeps what is read."""
    with opened(browser) as page:
        page.goto(f"{url}/tables/PRM_NEW?lang=ru")
        page.emulate_media(media="print")

        assert page.locator("table.figures").is_visible()
        assert page.locator("figure.chart img").is_visible()
        for name in (".menu", ".tabs", "details.picker", ".timebar", "button.live"):
            assert page.locator(name).is_hidden(), name
