"""Figures: what they draw, what they say without being seen, and their SVG."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from analysis import displacement, figures, power, words
from analysis.model.distribution import SCORES, Distribution
from analysis.model.effect import Effect
from analysis.notebook import tables
from analysis.persistence import persistence
from analysis.placebo import Placebos
from analysis.windows import Windows

WINDOWS = Windows("2017-10-26", campaign_start="2017-09-23")


@pytest.fixture(scope="module")
def made() -> dict:
    """One call of each figure, on data with long and hostile names."""
    rng = np.random.default_rng(7)
    days = pd.date_range("2017-03-01", "2017-12-20")
    weekend = days.day_of_week.isin([4, 5])
    digital = pd.Series(
        3e7 * np.where(weekend, 0.4, 1) * np.exp(rng.normal(0, 0.05, len(days))), days, name="value"
    )
    counter = pd.Series(np.where(weekend, 0, 1.2e7 * np.exp(rng.normal(0, 0.05, len(days)))), days)
    digital["2017-10-26"], counter["2017-10-26"] = 5.5e7, 0
    event = pd.date_range("2017-10-26", periods=1)
    effect = Effect(
        5.5e7,
        Distribution(4e7 + 3e6 * SCORES),
        "pre-week",
        "same_weekday",
        event - pd.Timedelta(days=7),
        event,
        "value",
    )
    found = displacement.decompose(digital, counter, WINDOWS)
    rows = pd.DataFrame(
        {
            "label": ["Nothing assumed", "A label that is rather long for a row", "Straight line"],
            "group": ["Level", "Level", "Course of the week"],
            "relative": [0.2, 0.1, -0.05],
            "low": [-np.inf, 0.02, -0.2],
            "high": [np.inf, 0.18, 0.1],
        }
    )
    names = [f"Entity {i}" for i in range(30)] + [
        "<b>Authority with very many words and duties</b>",
        "جمارك دبي",
    ]
    entities = pd.DataFrame(
        {"entity": names, "relative": rng.normal(0.2, 0.1, 32), "own": rng.normal(0.2, 0.3, 32)}
    )
    entities["low"], entities["high"] = entities["relative"] - 0.1, entities["relative"] + 0.1
    choices = pd.DataFrame(
        [
            {
                "estimator": name,
                "baseline": base,
                "history": "all",
                "headline": False,
                "relative": x,
                "low": x - 0.1,
                "high": x + 0.1,
            }
            for name in ("day_before", "same_weekday")
            for base in ("pre-week", "history")
            for x in rng.normal(0.2, 0.1, 5)
        ]
    )
    choices.loc[3, "headline"] = True
    found_power = pd.DataFrame(
        [
            {"design": d, "effect": x, "power": 1 - np.exp(-((x / s) ** 2))}
            for d, s in (("one", 0.1), ("two", 0.9))
            for x in np.linspace(0, 0.4, 21)
        ]
    )
    grid = pd.DataFrame(
        [
            {"process": p, "estimator": e, "coverage": c}
            for p, c in (("a", 0.95), ("b", 0.91))
            for e in ("day_before", "poisson")
        ]
    )
    kept = pd.DataFrame(
        [
            {"channel": c, "days": d, "share": 0.3, "ordinary_share": 0.4, "low": -0.2, "high": 0.05}
            for c in ("All digital channels", "<b>app")
            for d in (30, 60)
        ]
    )
    added = rng.normal(0, 0.05, 60)
    like = np.arange(60) % 3 > 0
    placebo = Placebos(days[:60], like, added, added / 0.05, np.abs(added), 0.24, 4.8, 4.8)
    return {
        "counterfactual": (figures.counterfactual, digital, effect, WINDOWS),
        "history": (figures.history, digital, WINDOWS),
        "weekdays": (figures.weekdays, digital, WINDOWS),
        "effects": (figures.effects, [effect]),
        "readings": (figures.readings, rows),
        "bounds": (figures.bounds, rows.drop(columns="relative")),
        "entities": (figures.entities, entities, 0.2),
        "placebo": (figures.placebo, placebo, effect),
        "specification": (figures.specification, choices),
        "decomposition": (figures.decomposition, found),
        "leads_lags": (figures.leads_lags, found),
        "cumulative": (figures.cumulative, found),
        "retention": (figures.retention, kept),
        "persistence": (figures.persistence, persistence(digital, counter, WINDOWS)),
        "power": (figures.power, found_power),
        "calibration": (figures.calibration, grid),
    }


NAMES = [
    "counterfactual", "history", "weekdays", "effects", "readings", "bounds", "entities", "placebo", "specification",
    "decomposition", "leads_lags", "cumulative", "persistence", "power", "calibration", "retention",
]  # fmt: skip


def drawn_texts(figure) -> list[Text]:
    """Every text that is drawn; ticks beyond the limits are not."""
    ticks = {
        tick.label1: low - 1e-9 <= tick.get_loc() <= high + 1e-9
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for low, high in [sorted(axis.get_view_interval())]
        for tick in axis.get_major_ticks()
    }
    texts = (text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip())
    return [text for text in texts if ticks.get(text, True)]


@pytest.mark.parametrize("inches", [figures.WIDE, figures.NARROW])
@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_figure_fits_its_canvas_and_speaks(made, name, language, inches):
    draw, *args = made[name]
    with words.using(language), figures.style(inches):
        ax = draw(*args)
        figures.mark_synthetic(ax)
        told = figures.description(ax)
    assert ax.figure.get_figwidth() == inches
    figure = ax.figure
    canvas = FigureCanvasAgg(figure)
    with figures.style():
        canvas.draw()
    width, height = canvas.get_width_height()
    for text in drawn_texts(figure):
        box = text.get_window_extent(canvas.get_renderer())
        assert box.x0 > -2, text.get_text()
        assert box.x1 < width + 2, text.get_text()
        assert box.y0 > -2, text.get_text()
        assert box.y1 < height + 2, text.get_text()
    assert len(told.alt) > 40
    assert re.search(r"\d", told.alt)
    assert told.caption.endswith(".")
    with words.using(language):
        assert tables.html(told.data, told.caption, formats=told.formats).count("<tr>") == len(told.data) + 1
    if language == "ar":
        assert re.search("[\u0600-\u06ff]", told.alt)
        assert not re.search(r"\b(the|of|interval|day)\b", told.alt + told.caption)


def svg(made, name, language="en") -> str:
    draw, *args = made[name]
    with words.using(language):
        ax = draw(*args)
        return figures.svg(ax, f"{name}-{language}", figures.description(ax).alt)


@pytest.mark.parametrize("name", NAMES)
def test_svg_stands_alone_and_takes_the_page_s_ink(made, name):
    text = svg(made, name)
    root = ElementTree.fromstring(text)
    ids = [node.get("id") for node in root.iter() if node.get("id")]
    assert len(ids) == len(set(ids))
    assert all(identity.startswith(f"{name.replace('_', '-')}-en-") for identity in ids)
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    assert {a or b for a, b in used} <= set(ids)
    assert "style=" not in text
    assert "font-family" not in text  # the page's own
    assert "currentColor" in text
    assert "#1f2328" not in text
    assert not re.search(r"https?://(?!www\.w3\.org/(2000/svg|1999/xlink))", text)
    assert root.get("aria-label")


def test_svg_is_the_same_every_time(made):
    assert svg(made, "effects") == svg(made, "effects")


def test_hostile_names_are_text(made):
    assert "<b>" not in svg(made, "entities")


def test_colours_hold_on_white_and_on_a_dark_page():
    # WCAG 2.2, 1.4.3 and 1.4.11: 4.5:1 for text, 3:1 for lines; on a dark page text has the brighter colours of
    # report.css, whose contrast is measured in a browser (test_browser.py).
    def luminance(colour: str) -> float:
        channel = np.array(mpl.colors.to_rgb(colour))
        linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    from analysis.figures import drawing as canvas

    with figures.style():
        colours = [canvas.INK, *mpl.rcParams["axes.prop_cycle"].by_key()["color"]]
    assert {canvas.EXPECTED, canvas.EVENT, canvas.OTHER, canvas.ANNOUNCED} <= {*colours}
    for colour in colours[1:]:
        for page, least in (("#ffffff", 4.5), ("#15191c", 3)):
            light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= least, (colour, page)


def test_time_runs_from_left_to_right_in_arabic(made):
    draw, *args = made["counterfactual"]
    with words.using("ar"):
        ax = draw(*args)
    assert ax.get_xlim()[0] < ax.get_xlim()[1]


def test_the_counterfactual_draws_what_the_effect_says(made):
    draw, *args = made["counterfactual"]
    data = figures.description(draw(*args)).data.set_index("date")
    effect = args[1]
    assert data.loc["2017-10-26", "expected"] == effect.expected
    assert tuple(data.loc["2017-10-26", ["expected_low", "expected_high"]]) == pytest.approx(
        effect.expected_interval()
    )
    assert data["expected"].notna().sum() == 1
    assert (data["period"] == "campaign").sum() == 33


def test_parts_of_the_decomposition_add_up_to_its_last_bar(made):
    draw, *args = made["decomposition"]
    ax = draw(*args)
    bars = [patch for patch in ax.patches if patch.get_height() == pytest.approx(0.56)]
    assert all(bar.get_x() == 0 for bar in bars)
    assert sum(bar.get_width() for bar in bars[:-1]) == pytest.approx(bars[-1].get_width())


def test_blue_is_explained_only_where_there_is_another_colour(made):
    draw, rows, total = made["entities"]
    clear = rows.assign(low=0.01, high=0.2)
    assert "In blue" not in figures.description(draw(clear, total)).caption
    clear.loc[0, "low"] = -0.1
    assert "In blue" in figures.description(draw(clear, total)).caption


def test_an_unbounded_interval_ends_in_an_arrow(made):
    draw, *args = made["readings"]
    markers = {line.get_marker() for line in draw(*args).lines}
    assert {"<", ">"} <= markers


def test_no_design_that_misses_the_target_is_said_to_reach_it(made):
    draw, *args = made["power"]
    alt = figures.description(draw(*args)).alt
    assert "one from +1" in alt
    assert "two at none of the sizes shown" in alt


def test_power_curves_are_named_beside_themselves(made):
    """Five close curves: each name stands at the height of its own line, none on another; days are counted in words."""
    curves = power.closed_form(dict(zip((1, 2, 3, 5, 9), (0.03, 0.027, 0.026, 0.025, 0.02), strict=True)))
    ax = figures.power(curves)
    named = [text for text in ax.texts if re.fullmatch(r"\d days?", text.get_text())]
    boxes = [text.get_window_extent() for text in named]
    assert {text.get_text() for text in named} == {"1 day", "2 days", "3 days", "5 days", "9 days"}
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_cells_of_the_calibration_differ_without_colour(made):
    grid = pd.DataFrame({"process": list("abc"), "estimator": "gls", "coverage": [0.90, 0.95, 0.99]})
    patches = figures.calibration(grid).patches
    assert [patch.get_facecolor()[3] > 0 for patch in patches] == [True, False]  # filled below, framed above


def plain(daily: pd.Series):
    """What a researcher writes."""
    _figure, ax = plt.subplots()
    ax.plot(daily.index, daily, label="observed")
    ax.scatter(daily.index[:2], [1.5, 2.5], label="odd days")
    ax.set_title("A title of her own that is far longer than a telephone is wide", loc="left")
    return ax


def test_any_function_that_returns_axes_is_a_figure_under_a_caption():
    daily = pd.Series([1.0, 2.0, 4.0], pd.date_range("2017-10-24", periods=3))
    with figures.style(figures.NARROW):
        ax = plain(daily)
        told = figures.description(ax, "Three days.")
    assert ax.figure.get_figwidth() == figures.NARROW
    assert told.caption == "Three days."
    assert told.alt.startswith("Three days; A title of her own")
    assert told.alt.endswith("observed 1.0 to 4.0; odd days 1.5 to 2.5.")
    dates = [*daily.index, *daily.index[:2]]
    expected = pd.DataFrame(
        {"series": ["observed"] * 3 + ["odd days"] * 2, "x": dates, "y": [1, 2, 4, 1.5, 2.5]}
    )
    pd.testing.assert_frame_equal(told.data, expected, check_dtype=False)
    assert not plt.get_fignums()  # Jupyter shows it once
    assert "A title of her own" in figures.svg(ax, "own", told.alt)
    with pytest.raises(ValueError, match="caption"):
        figures.description(plain(daily))


def test_the_data_of_bars_have_the_names_of_their_categories():
    _figure, ax = plt.subplots()
    ax.bar(["app", "website"], [3, 5])
    data = figures.description(ax, "Payments by channel").data
    assert data.to_dict("list") == {"x": ["app", "website"], "y": [3, 5]}


def test_a_title_hedges_where_the_interval_includes_zero(made):
    draw, daily, effect, windows = made["counterfactual"]
    unsure = replace(effect, observed=4.05e7)
    titles = [drawn_titles(draw(daily, one, windows)) for one in (effect, unsure)]
    assert "38% above what was expected" in titles[0]
    assert "no clear difference from what was expected" in titles[1]
    assert "%" not in titles[1]


def drawn_titles(ax) -> str:
    return " ".join(text.get_text() for text in ax.texts if text.get_weight() == "bold")


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_a_long_title_overlaps_nothing(made, language):
    """On a phone, under the longest name a measure may have: title, unit, key and dates each in lines of their own."""
    label = {"label": {"en": "value of all the payments of each kind " * 3}, "kind": "money"}
    words.speak_of(measures={"value": label})
    try:
        with words.using(language), figures.style(figures.NARROW):
            draw, *args = made["counterfactual"]
            ax = draw(*args)
            figures.mark_synthetic(ax)
    finally:
        words.speak_of(measures={})
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    boxes = [text.get_window_extent().shrunk(0.98, 0.7) for text in [*ax.texts, *ax.figure.texts]]
    assert sum(text.get_weight() == "bold" for text in ax.texts) > 3
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert max(box.y1 for box in boxes) < canvas.get_width_height()[1] + 2


@pytest.mark.parametrize("inches", [figures.WIDE, figures.NARROW])
def test_the_date_of_an_event_at_the_end_of_a_long_history_is_whole(made, inches):
    daily = made["history"][1]
    with figures.style(inches):
        ax = figures.history(daily[:"2017-10-27"], WINDOWS)
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    date = next(text for text in ax.texts if text.get_text() == "26 Oct")
    assert date.get_window_extent().x1 < canvas.get_width_height()[0] + 2
