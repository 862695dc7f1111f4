"""The rendered pages as a reader's browser and a screen reader meet them."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LANGUAGES = {"en": "ltr", "ar": "rtl"}
LARGEST = 680_000  # bytes; a report is sent by mail and read on a phone
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(reports: Path) -> list[Path]:
    """Every page of the study and the index over all studies."""
    found = sorted(reports.parent.rglob("*.html"))
    assert len(found) > 2, "no pages were rendered"
    return found


def opened(browser: Browser, path: Path, **context: object) -> Page:
    page = browser.new_context(bypass_csp=True, **context).new_page()
    page.goto(path.as_uri())
    return page


def check_all(pages: list[Path], faults_of) -> None:
    """Every page's faults at once, by name."""
    faults = {f"{path.parent.name}/{path.name}": found for path in pages if (found := faults_of(path))}
    assert not faults, "\n".join(f"{name}: {found}" for name, found in faults.items())


def test_both_languages_have_the_same_pages(reports):
    names = {code: {path.name for path in (reports / code).glob("*.html")} for code in LANGUAGES}
    assert names["en"] == names["ar"] != set()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, pages, scheme):
    def faults(path: Path) -> list[str]:
        page = opened(browser, path, color_scheme=scheme)
        # What is folded away is read too.
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        found = Axe().run(page).response["violations"]
        page.context.close()
        return [f"{fault['id']}: {fault['nodes'][0]['html'][:200]}" for fault in found]

    check_all(pages, faults)


def test_nothing_is_loaded_and_nothing_complains(browser, pages):
    def faults(path: Path) -> list[str]:
        context = browser.new_context()
        page = context.new_page()
        said: list[str] = []
        context.on("request", lambda request: said.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri(), wait_until="networkidle")
        context.close()
        return [line for line in said if line != path.as_uri() and not line.startswith("data:")]

    check_all(pages, faults)


def test_policy_forbids_scripts_and_loads(browser, pages):
    def faults(path: Path) -> str:
        page = opened(browser, path)
        policy = page.locator("meta[http-equiv='Content-Security-Policy' i]").get_attribute("content") or ""
        scripts = page.locator("script").count()
        page.context.close()
        return "" if "default-src 'none'" in policy and "script-src" not in policy and not scripts else policy

    check_all(pages, faults)


def test_language_and_direction_are_said(browser, pages):
    def faults(path: Path) -> list[str]:
        page = opened(browser, path)
        root = page.locator("html")
        said = root.get_attribute("lang"), root.get_attribute("dir")
        page.context.close()
        asked = path.parent.name if path.parent.name in LANGUAGES else said[0]
        return [] if said == (asked, LANGUAGES.get(asked)) else [str(said)]

    check_all(pages, faults)


def test_alternative_texts_are_specific(browser, pages):
    def faults(path: Path) -> list[str]:
        page = opened(browser, path)
        texts = page.evaluate(
            """[...document.querySelectorAll('figure img, figure svg, svg[role=img], img')].map(image =>
                image.getAttribute('alt') ?? image.getAttribute('aria-label') ??
                (image.getAttribute('aria-labelledby') ?? '').split(' ')
                    .map(id => document.getElementById(id)?.textContent ?? '').join(' '))"""
        )
        page.context.close()
        vague = [text for text in texts if len(text) <= 40 or not re.search(r"\d", text)]
        vague += [
            text for text in texts if re.search(r"\.(png|svg)|^\s*(figure|image|no description)", text, re.I)
        ]
        return vague + [text for text in set(texts) if texts.count(text) > 1]

    check_all(pages, faults)


def test_every_report_has_figures(browser, reports):
    for code in LANGUAGES:
        for path in (reports / code).glob("[0-9]*.html"):
            page = opened(browser, path)
            assert page.locator("figure svg, figure img").count() > 0, path.name
            page.context.close()


def test_pages_are_small(pages):
    check_all(pages, lambda path: path.stat().st_size if path.stat().st_size > LARGEST else 0)


def test_markup_is_valid(pages):
    def faults(path: Path) -> list[str]:
        parser = html5lib.HTMLParser()
        parser.parse(path.read_bytes(), transport_encoding="utf-8")
        return [f"line {position[0]}: {code} {data}" for position, code, data in parser.errors][:5]

    check_all(pages, faults)


@pytest.mark.parametrize("width", [360, 1280])
def test_no_scrolling_sideways(browser, pages, width):
    def faults(path: Path) -> list[str]:
        page = opened(browser, path, viewport={"width": width, "height": 800})
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        wide = page.evaluate(
            """() => document.documentElement.scrollWidth <= innerWidth ? [] :
                [`page ${document.documentElement.scrollWidth}`,
                 ...[...document.querySelectorAll('body *')].filter(part => {
                    const box = part.getBoundingClientRect();
                    const scrolls = part.parentElement.closest('.scroll, .drawing, .equation, pre');
                    return !scrolls && box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
                 }).slice(0, 3).map(part => part.outerHTML.slice(0, 120))]"""
        )
        page.context.close()
        return wide

    check_all(pages, faults)


def test_works_by_keyboard(browser, pages):
    """The first stop of the tab key is the way past the navigation, and it leads into the page."""

    def faults(path: Path) -> str:
        page = opened(browser, path)
        page.keyboard.press("Tab")
        target = page.evaluate("document.activeElement.getAttribute('href') ?? ''")
        leads = target.startswith("#") and page.locator(f"main{target}, {target}").count() > 0
        page.context.close()
        return "" if leads else f"first stop leads to {target!r}"

    check_all(pages, faults)


def test_prints_to_a4_without_cutting_a_figure(browser, reports):
    """On paper every figure fits the page's width and height, and the report has a sane number of pages."""
    for code in LANGUAGES:
        for path in sorted((reports / code).glob("[0-9]*.html")):
            page = opened(browser, path, viewport={"width": 718, "height": 1047})  # A4 less margins of 10 mm
            page.emulate_media(media="print")
            boxes = page.evaluate(
                """[...document.querySelectorAll('figure')].map(figure => {
                    const box = figure.querySelector('svg, img')?.getBoundingClientRect();
                    return box && {width: box.width, height: box.height, right: box.right, left: box.left,
                        inside: getComputedStyle(figure).breakInside};
                }).filter(Boolean)"""
            )
            for box in boxes:
                assert box["left"] >= -1, path.name
                assert box["right"] <= 719, path.name
                assert box["height"] <= 1047, path.name
                assert box["inside"] == "avoid", path.name
            pdf = page.pdf(format="A4", margin=dict.fromkeys(("top", "right", "bottom", "left"), "10mm"))
            pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
            assert 1 <= pages <= 40, f"{path.name}: {pages} pages"
            page.context.close()


def test_arabic_and_english_carry_the_same_numbers(browser, reports):
    english = [reports / "index.html", *sorted((reports / "en").glob("*.html"))]
    faults = {}
    for path in english:
        arabic = reports / "index.ar.html" if path.parent == reports else reports / "ar" / path.name
        numbers, numbers_ar = (numbers_of(browser, page) for page in (path, arabic))
        assert numbers, path.name
        if numbers != numbers_ar:
            faults[path.name] = {
                "only English": dict(numbers - numbers_ar),
                "only Arabic": dict(numbers_ar - numbers),
            }
    assert not faults


def numbers_of(browser: Browser, path: Path) -> Counter[str]:
    """How often each number stands in a page's text and alternative texts; the order of words is the language's."""
    page = opened(browser, path)
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    text = page.evaluate(
        """[document.querySelector('main').innerText,
            ...[...document.querySelectorAll('main [aria-label], main [alt]')].map(part =>
                part.getAttribute('aria-label') ?? part.getAttribute('alt'))].join('\\n')"""
    )
    page.context.close()
    numbers = (number.replace(",", "").strip(".") for number in re.findall(r"\d[\d,.]*", text))
    # Arabic has the singular and the dual in the word itself: "يوم" is one day, "يومان" are two.
    return Counter(number for number in numbers if number not in ("1", "2"))
