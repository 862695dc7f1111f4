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
LARGEST = 600_000  # bytes; a report is sent by mail and read on a phone
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


OPEN = "document.querySelectorAll('details').forEach(part => part.open = true)"
CONTRAST = """() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgba = (colour, opacity) => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255 * opacity];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((value, i) => a * value + (1 - a) * below[i]);
    const luminance = colour => colour.map(value => value / 255)
        .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
    const paint = part => {
        const look = getComputedStyle(part);
        if (!(part instanceof SVGElement)) return rgba(look.backgroundColor, 1);
        return look.fill == 'none' ? [0, 0, 0, 0] : rgba(look.fill, look.fillOpacity * look.opacity);
    };
    const texts = [...document.querySelectorAll('.drawing text')].filter(text => text.getClientRects().length);
    return texts.flatMap(text => {
        const box = text.getBoundingClientRect();
        const stack = document.elementsFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
        const under = stack.filter(part => !part.matches('text, svg, g')).reverse();
        const ground = under.reduce((below, part) => over(paint(part), below), [255, 255, 255]);
        const [light, dark] = [luminance(over(paint(text), ground)), luminance(ground)].sort((a, b) => b - a);
        const ratio = (light + 0.05) / (dark + 0.05);
        return ratio >= 4.5 ? [] : [`${text.textContent}: ${ratio.toFixed(2)}`];
    });
}"""


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
        page.evaluate(OPEN)
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
        page.evaluate(OPEN)
        texts = page.evaluate(
            """[...document.querySelectorAll('figure svg, svg[role=img], img')].filter(image =>
                    image.getClientRects().length).map(image =>
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
        page.evaluate(OPEN)
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


def test_the_answer_stands_in_the_first_screen(browser, reports):
    """Whole on a small desk's screen, begun on a phone; on the index with the chart that shows it."""
    faults = {}
    for path in [*reports.glob("??/*.html"), *reports.glob("index*.html"), *reports.glob("brief*.html")]:
        for width, height in ((1280, 720), (390, 844)):
            page = opened(browser, path, viewport={"width": width, "height": height})
            top, bottom, chart = page.evaluate(
                """() => {
                    const box = document.querySelector('main .answer').getBoundingClientRect();
                    const chart = document.querySelector('main .chart .drawing')?.getBoundingClientRect();
                    return [box.top, box.bottom, chart?.bottom ?? 0];
                }"""
            )
            page.context.close()
            if top > height - 100 or (width == 1280 and max(bottom, chart) > height):
                faults[f"{path.parent.name}/{path.name} {width}"] = (top, bottom, chart)
    assert not faults


def test_the_index_leads_to_the_brief_first_and_has_a_chart(browser, reports):
    for code, name in (("en", "index.html"), ("ar", "index.ar.html")):
        page = opened(browser, reports / name)
        assert page.locator("main a").first.get_attribute("href") == f"brief.{code}.html"
        assert page.locator("main .chart svg:visible").count() == 1
        assert page.locator("#accessibility").count() == 1
        page.context.close()


def test_charts_are_read_without_scrolling(browser, pages):
    """Nothing is wider than its place, and no letter smaller than 11 pixels (10 on the smallest phone)."""

    def faults(path: Path) -> list[str]:
        found = []
        for width in (360, 390, 750, 1280):
            page = opened(browser, path, viewport={"width": width, "height": 800})
            page.evaluate(OPEN)
            found += page.evaluate(
                """() => [...document.querySelectorAll('.drawing')].flatMap(drawing => {
                    const svg = [...drawing.querySelectorAll('svg')].filter(one => one.getClientRects().length);
                    const scale = svg.map(one => one.getBoundingClientRect().width / one.viewBox.baseVal.width);
                    const sizes = svg.flatMap((one, i) => [...one.querySelectorAll('text')].map(
                        text => scale[i] * parseFloat(getComputedStyle(text).fontSize)));
                    const small = Math.min(...sizes), least = innerWidth < 390 ? 10 : 11;
                    return svg.length == 1 && drawing.scrollWidth <= drawing.clientWidth && small >= least
                        ? [] : [`${innerWidth}, ${drawing.closest('[id]').id}: ${svg.length} shown, letters ${small}`];
                })"""
            )
            page.context.close()
        return found

    check_all(pages, faults)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_in_charts_has_contrast(browser, pages, scheme):
    """WCAG 2.2, 1.4.3: 4.5:1 against all that lies under the text, from the page up."""

    def faults(path: Path) -> list[str]:
        found = []
        for width in (390, 1280):
            page = opened(browser, path, color_scheme=scheme, viewport={"width": width, "height": 800})
            page.evaluate(OPEN)
            page.set_viewport_size({"width": width, "height": page.evaluate("document.body.scrollHeight")})
            found += page.evaluate(CONTRAST)
            page.context.close()
        return sorted(set(found))[:5]

    check_all(pages, faults)


def test_numbers_align_by_their_units_in_both_languages(browser, reports):
    for code in LANGUAGES:
        page = opened(browser, reports / code / "03_the_effect.html")
        sides = page.evaluate(
            "[...document.querySelectorAll('.number')].map(cell => getComputedStyle(cell).textAlign)"
        )
        page.context.close()
        assert set(sides) == {"right"}


def test_boxes_that_scroll_are_named_and_reached_by_the_keyboard(browser, pages):
    """At a desk every table that scrolls has a stop of the tab key, and no other one has."""

    def faults(path: Path) -> list[str]:
        page = opened(browser, path, viewport={"width": 1280, "height": 800})
        page.evaluate(OPEN)
        found = page.evaluate(
            """() => {
                const boxes = [...document.querySelectorAll('.scroll')];
                const names = boxes.map(box => box.getAttribute('aria-label'));
                return boxes.filter((box, i) => {
                    const over = Math.max(box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight);
                    const near = over > 0 && over <= 8;  // the width is guessed before a browser sees it
                    return box.getAttribute('role') != 'region' || !names[i] || names.indexOf(names[i]) != i
                        || (box.hasAttribute('tabindex') != (over > 0) && !near);
                }).map(box => `${box.scrollWidth} in ${box.clientWidth}: ${box.getAttribute('aria-label')}`)
            }"""
        )
        page.context.close()
        return found

    check_all(pages, faults)


def test_links_to_the_other_language_have_names_of_their_own(browser, pages):
    def faults(path: Path) -> list[str]:
        page = opened(browser, path)
        names = page.locator("a.here").evaluate_all(
            "links => links.map(link => [link.textContent, link.getAttribute('aria-label')])"
        )
        page.context.close()
        told = [name for _text, name in names]
        return [name for text, name in names if not name.startswith(f"{text}: ") or told.count(name) > 1]

    check_all(pages, faults)


def test_prints_to_a4_without_cutting_anything(browser, reports):
    """On paper figures and tables fit the sheet, what is folded stands open, type is as large in both languages."""
    sheets: dict[str, list[int]] = {}
    sizes = set()
    for path in sorted([*reports.glob("??/*.html"), *reports.glob("*.html")]):
        page = opened(browser, path, viewport={"width": 673, "height": 978})  # A4 less its margins
        page.emulate_media(media="print")
        sizes.add(page.evaluate("getComputedStyle(document.documentElement).fontSize"))
        cut = page.evaluate(
            """[...document.querySelectorAll('main svg, main img, main table')].filter(part => {
                const box = part.getBoundingClientRect();
                return box.width && (box.left < -1 || box.right > 674 || (part.matches('svg') && box.height > 900));
            }).map(part => part.outerHTML.slice(0, 80))"""
        )
        assert not cut, path
        assert page.locator(".folded:not(:visible)").count() == 0, path
        pdf = page.pdf(prefer_css_page_size=True, tagged=True, outline=True)
        page.context.close()
        sheets.setdefault(path.name.replace(".ar", "").replace(".en", ""), []).append(len(sheets_of(pdf)))
        assert all(length > 1_000 for length in sheets_of(pdf)), f"{path}: an empty sheet"
        tops = [float(top) for top in re.findall(rb"/Dest \[\d+ 0 R /XYZ \S+ (\S+) ", pdf)]
        assert tops, path
        assert min(tops) > 57 + 38, f"{path}: a heading alone at the end of a sheet"  # 20 mm, and two lines
    assert sizes == {"13.3333px"}
    assert all(abs(english - arabic) <= 1 for english, arabic in sheets.values()), sheets
    assert max(max(both) for both in sheets.values()) <= 11, sheets
    assert sheets["brief.html"] == [1, 1]


def sheets_of(pdf: bytes) -> list[int]:
    """Bytes of what is drawn on each sheet."""
    contents = re.findall(rb"/Type /Page\n.*?/Contents (\d+) 0 R", pdf, re.DOTALL)
    return [
        int(re.search(rb"\n%s 0 obj\n<<.*?/Length (\d+)" % number, pdf, re.DOTALL)[1]) for number in contents
    ]


def test_the_brief_is_one_tagged_page(reports):
    from analysis.report.brief import printed

    for code in LANGUAGES:
        pdf = printed(reports / f"brief.{code}.html").read_bytes()
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
        assert b"/StructTreeRoot" in pdf
        assert b"/Lang (%s)" % code.encode() in pdf


def test_the_brief_has_every_part(browser, reports):
    for code in LANGUAGES:
        page = opened(browser, reports / f"brief.{code}.html")
        parts = page.locator("main section").evaluate_all(
            "all => all.map(one => one.getAttribute('aria-labelledby'))"
        )
        assert parts == ["answer-1", "answer-2", "parts", "lasting", "caveats", "decide", "ask"]
        assert page.locator("#caveats + ul > li").count() == 3
        assert page.locator(".chart svg:visible").count() == 1
        assert "10%" in page.locator("main .answer").last.locator("p").last.inner_text()
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
    page.evaluate(OPEN)
    text = page.evaluate(
        """[document.querySelector('main').innerText,
            ...[...document.querySelectorAll('main [aria-label], main [alt]')].map(part =>
                part.getAttribute('aria-label') ?? part.getAttribute('alt'))].join('\\n')"""
    )
    page.context.close()
    numbers = (number.replace(",", "").strip(".") for number in re.findall(r"\d[\d,.]*", text))
    # Arabic has the singular and the dual in the word itself: "يوم" is one day, "يومان" are two.
    return Counter(number for number in numbers if number not in ("1", "2"))
