"""Figures: one function a figure. They draw results and estimate nothing.

Each returns its Axes, with a text alternative, a caption and its data attached (`describe`). Time runs from left to
right in Arabic also. Directly called, a figure comes in the report's style and the language spoken; `show.figure` draws
it once a language, and any other function that returns Axes as well, under a caption.
"""

from analysis.figures.drawing import (
    NARROW,
    WIDE,
    WIDTH_PIXELS,
    Description,
    canvas,
    describe,
    description,
    drawn,
    style,
)
from analysis.figures.evidence import calibration, decomposition, placebo, power, specification
from analysis.figures.groups import retention, shares
from analysis.figures.intervals import bounds, editions, effects, entities, readings
from analysis.figures.output import mark_synthetic, png, svg
from analysis.figures.published import possible_weeks
from analysis.figures.time import counterfactual, cumulative, history, leads_lags, persistence, weekdays
