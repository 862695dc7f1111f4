"""How a figure leaves: marked where its data are simulated, as PNG and as inline SVG."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.axes import Axes

from analysis import words
from analysis.figures.drawing import ANNOUNCED, INK, LINE, WIDE, WIDTH_PIXELS, raise_top, style, width
from analysis.words import _


def mark_synthetic(ax: Axes) -> None:
    """Say in the figure itself that its data are simulated, in a line of its own above it."""
    raise_top(ax.figure, LINE)
    x, ha = (0.06 / width(), "left") if words.direction() == "rtl" else (1 - 0.06 / width(), "right")
    y = 1 - 0.03 / ax.figure.get_figheight()
    look = {"va": "top", "fontsize": 8.5, "color": ANNOUNCED, "weight": "bold"}
    ax.figure.text(x, y, _("Synthetic data"), ha=ha, **look)


def png(ax: Axes) -> bytes:
    """The figure on white, at twice the size it is shown in."""
    out = io.BytesIO()
    with style():
        ax.figure.savefig(out, format="png", dpi=2 * WIDTH_PIXELS / WIDE * 0.75, facecolor="white")
    return out.getvalue()


def svg(ax: Axes, name: str, alt: str) -> str:
    """The figure as inline SVG: text in the page's typeface, the ink as currentColor, no styles, no metadata.

    What a style says stands in attributes, so that a strict content security policy leaves it alone.
    """
    out = io.StringIO()
    with style(), mpl.rc_context({"svg.hashsalt": name}):
        ax.figure.savefig(out, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    prefix, root = re.sub(r"[^A-Za-z0-9-]", "-", name), ElementTree.fromstring(out.getvalue())
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', out.getvalue()))
    for node in list(root.iter()):
        for child in list(node):  # the patches of figure and axes are transparent
            empty = child.tag == f"{SVG}g" and [part.get("style") for part in child] == ["fill: none"]
            if empty or child.tag in (f"{SVG}metadata", f"{SVG}style"):
                node.remove(child)
        look = dict(re.findall(r"([\w-]+): *([^;]+)", node.attrib.pop("style", "")))
        look |= {key.removeprefix(XLINK): value for key, value in node.attrib.items()}
        node.attrib.clear()
        for key, value in look.items():
            if key in ("id", "href", "clip-path"):
                value = re.sub(r"^#|(?<=\()#|^(?=\w+$)", rf"\g<0>{prefix}-", value)
            if key != "font-family" and value != "start" and (key != "id" or look["id"] in used):
                node.set(
                    key,
                    NUMBER.sub(lambda digits: f"{float(digits[0]):.5g}", value).replace(INK, "currentColor"),
                )
        node.text, node.tail = (part if part and part.strip() else None for part in (node.text, node.tail))
    root.attrib |= {"role": "img", "aria-label": alt, "stroke-linejoin": "round", "focusable": "false"}
    ElementTree.register_namespace("", SVG[1:-1])
    return ElementTree.tostring(root, encoding="unicode")


SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
NUMBER = re.compile(r"(?<![\w.#-])-?\d+\.\d{3,}")
