"""Published figures: the file in the repository, and the faults of a user's file."""

import pandas as pd
import pytest

from analysis.published import announcement

HEAD = "figure,value,unit,precision,period_start,period_end,scope,source,note\n"
EVENT = "value_event,110,AED,0.5,2024-05-02,,,,\n"


def write(folder, text, encoding="utf-8"):
    path = folder / "figures.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_dubai_s_figures_are_as_announced():
    table = announcement.figures()
    assert table.loc["value_event", ["value", "precision"]].tolist() == [55e6, 0.5e6]
    assert table.loc["value_day_before", ["value", "precision"]].tolist() == [42.2e6, 0.05e6]
    assert table.loc["count_week_mean", ["value", "precision"]].tolist() == [26.6e3, 50]
    assert "count_day_before" not in table.index  # never published
    assert announcement.event(table) == pd.Timestamp("2017-10-26")
    assert pd.isna(table.loc["value_week_mean", "period_start"])  # the week's days are not stated
    assert (table["source"] != "").all()


def test_a_figure_said_of_one_day_needs_only_its_start(tmp_path):
    table = announcement.figures(write(tmp_path, HEAD + EVENT))
    assert table.loc["value_event", "period_end"] == pd.Timestamp("2024-05-02")
    assert announcement.metrics(table) == ("value",)


def test_a_spreadsheet_s_way_of_writing_is_read(tmp_path):
    text = "figure;value;precision;period_start\nvalue_event;110;;2024-05-02\nentities;12;;\n"
    table = announcement.figures(write(tmp_path, text, "utf-8-sig"))
    assert table.loc["value_event", ["value", "precision"]].tolist() == [110, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD, "no figures"),
        ("figure,value,period_start\n" + EVENT, "row 1: column precision is missing"),
        (HEAD + EVENT.replace("value_event", "value_evnt"), "row 2, column figure: .*nearest .* value_event"),
        (HEAD + EVENT.replace("110", "1 10"), "row 2, column value: '1 10' is not a number above 0"),
        (HEAD + EVENT.replace("110", "0"), "row 2, column value"),
        (HEAD + EVENT.replace("0.5", "-1"), "row 2, column precision"),
        (HEAD + EVENT.replace("110", "inf"), "row 2, column value"),
        (HEAD + EVENT.replace("2024-05-02", "2 May"), "row 2, column period_start: '2 May' is not a date"),
        (
            HEAD + EVENT.replace("2024-05-02,", ","),
            "row 2, column period_start: the day of the event is missing",
        ),
        (HEAD + EVENT.replace(",,,,", ",2024-05-01,,,"), "row 2, column period_end"),
        (HEAD + EVENT + EVENT, "row 3, column figure: value_event is given twice"),
        (HEAD + "entities,12,,0,2024-05-02,,,,\n", "no figure of the event itself"),
        (HEAD + EVENT + "value_day_before,100,,0,2024-04-30,,,,\n", "row 3, column period_start"),
        (HEAD + EVENT + "value_week_mean,100,,0,2024-05-03,2024-05-09,,,\n", "row 3, column period_start"),
    ],
)
def test_a_fault_is_said_in_one_line_with_its_place(tmp_path, text, words):
    with pytest.raises(ValueError, match=words) as caught:
        announcement.figures(write(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert "figures.csv" in str(caught.value)


def test_another_encoding_and_no_file_are_said(tmp_path):
    with pytest.raises(ValueError, match="UTF-8"):
        announcement.figures(write(tmp_path, HEAD + EVENT + "entities,1,,0,,,,,دبي\n", "cp1256"))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        announcement.figures(tmp_path / "nowhere.csv")
