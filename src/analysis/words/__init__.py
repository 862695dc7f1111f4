"""Words and numbers for readers, in English and Arabic.

with words.using("ar"):
    words.percent(0.303, signed=True)
    str(words.text("The day added {x:+percent}.", x=0.303))
"""

from analysis.words.catalogue import (
    CATALOGUES,
    DIRECTIONS,
    LANGUAGES,
    N_,
    Setting,
    _,
    direction,
    language,
    name,
    ngettext,
    setting,
    speak_of,
    using,
)
from analysis.words.inert import cell, escaped, html, markdown, plain, seen
from analysis.words.numbers import (
    date,
    day_month,
    interval,
    listing,
    money,
    month,
    number,
    p_value,
    percent,
    period,
    points,
    step,
    weekday,
)
from analysis.words.paragraphs import extract_notebook, prose, translate_cell
from analysis.words.sentences import answer, caveat, difference, half_life, headline, probable, sureness
from analysis.words.terms import (
    choice,
    coefficient,
    estimand,
    heading,
    in_language,
    kind,
    method,
    metric,
    part,
    process,
    reason,
    series,
    table_kind,
    term,
    unit,
)
from analysis.words.values import (
    Text,
    Value,
    amount,
    days,
    joined,
    marked,
    of_results,
    plural,
    quantity,
    text,
    write,
)
