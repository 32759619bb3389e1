"""The text of styles.csv, as A1111, spreadsheets and hands write it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.prompt.style_sheet import StyleSheet, read_style_sheet
from modules.prompt.styles import Style

HEADER = "name,prompt,negative_prompt\r\n"
CELL = st.lists(st.sampled_from([*'ab,"\n #é=\t', "{prompt}"]), max_size=8).map("".join)
NAME = st.text(alphabet="abc é,\"'=", min_size=1, max_size=6).filter(lambda name: name == name.strip() and name)


def test_what_the_web_ui_writes() -> None:
    text = HEADER + 'oil,"oil painting, {prompt}","photo, ""real"""\r\ntwo lines,"a\r\nb",\r\n'
    sheet = read_style_sheet(text)
    assert sheet.styles == (Style("oil", "oil painting, {prompt}", 'photo, "real"'), Style("two lines", "a\nb"))
    assert sheet.problems == () and not sheet.damaged
    assert sheet.text() == text


@pytest.mark.parametrize(
    ("text", "styles"),
    [
        ("", ()),
        (HEADER, ()),
        ("name,text\na,b\n", (Style("a", "b"),)),
        ("negative_prompt, Name ,PROMPT,extra\nc,a,b,x\n", (Style("a", "b", "c"),)),
        (HEADER + "\n , ,\n# comment\n#x,y,z\na,b\n", (Style("a", "b"),)),
        (HEADER + 'a, "b, c", d\n', (Style("a", "b, c", "d"),)),
        (HEADER + "a,b,c,,\n", (Style("a", "b", "c"),)),
        (HEADER + " a ,,\n", (Style("a"),)),
        (HEADER.replace("\r\n", "\r") + "a,b,c\rd,e,f", (Style("a", "b", "c"), Style("d", "e", "f"))),
        (HEADER + "a,b\x00c,\n", (Style("a", "bc"),)),
    ],
)
def test_what_can_be_read(text: str, styles: tuple[Style, ...]) -> None:
    sheet = read_style_sheet(text)
    assert sheet.styles == styles
    assert sheet.problems == ()


@pytest.mark.parametrize(
    ("rows", "problem", "damaged"),
    [
        ("a,b, c, d\n", "line 2 has 4 cells for 3 columns. Put texts with commas into double quotes.", False),
        (",no name,\n", "line 2 has no name. Write one into its first column.", False),
        ("\nonly name\n", "line 3 has no prompt for 'only name'. Write a comma and the prompt behind the name.", False),
        ('"x\ny",a\n,b\n', "line 4 has no name. Write one into its first column.", False),
        ("a,b\na,c\n", "line 3 gives 'a' a second time, and counts. Rename or remove one of the two.", False),
        ('a,"b\nc,d\n', "line 2 opens a double quote that is never closed. Close it.", True),
        (f"a,{'b' * 140_000}\n", "line 2 cannot be read (field larger than field limit (131072)). "
            "Put texts of several lines into double quotes.", True),
    ],
    ids=["cells", "name", "prompt", "lines", "twice", "quote", "huge"],
)  # fmt: skip
def test_rows_that_cannot_be_used(rows: str, problem: str, damaged: bool) -> None:
    sheet = read_style_sheet(HEADER + "first,1,\n" + rows + ("last,2,\n" if "never" not in problem else ""))
    number = int(problem.split()[1]) + 1
    assert sheet.problems == (problem.replace(f"line {number - 1}", f"line {number}"),)
    assert Style("first", "1") in sheet.styles
    assert (Style("last", "2") in sheet.styles) != ("never" in problem)
    assert sheet.damaged is damaged


def test_a_file_without_the_columns_is_reported_as_a_whole() -> None:
    sheet = read_style_sheet("oil,painting\n")
    assert sheet == StyleSheet(
        (), (), ("has no columns name and prompt. Make name,prompt,negative_prompt its first line.",), damaged=True
    )


def test_the_last_of_two_counts() -> None:
    assert read_style_sheet(HEADER + "a,1,\nb,2,\na,3,\n").styles == (Style("a", "3"), Style("b", "2"))


def test_a_style_is_put_in_its_place_and_the_rest_stays() -> None:
    text = "negative_prompt,name,text,mine\n,# note,,\nn,a,1,x\n,b,2,y\nbad,b2,2,3,4\nn,a,3,\n"
    sheet = read_style_sheet(text).with_style(Style("a", "new", "neg"))
    assert sheet.text().splitlines() == [
        "negative_prompt,name,text,mine",
        ",# note,,",
        "neg,a,new,x",
        ",b,2,y",
        "bad,b2,2,3,4",
    ]
    assert sheet.with_style(Style("c", " z")).text().splitlines()[-1] == '"","c"," z",""'
    assert sheet.without_style("a").text().splitlines() == [
        "negative_prompt,name,text,mine",
        ",# note,,",
        ",b,2,y",
        "bad,b2,2,3,4",
    ]


def test_a_column_that_is_missing_is_added() -> None:
    sheet = read_style_sheet("name,text\na,1\n").with_style(Style("b", "2", "n"))
    assert sheet.text() == "name,text,negative_prompt\r\na,1\r\nb,2,n\r\n"
    assert sheet.styles == (Style("a", "1"), Style("b", "2", "n"))


@settings(max_examples=500)
@given(st.lists(st.builds(Style, NAME, CELL, CELL), max_size=5))
def test_what_is_written_is_read_again(styles: list[Style]) -> None:
    sheet = StyleSheet()
    for style in styles:
        sheet = sheet.with_style(style)
    expected = {style.name: style for style in styles}
    assert {style.name: style for style in sheet.styles} == expected
    again = read_style_sheet(sheet.text())
    assert again.styles == sheet.styles and again.problems == ()
    # And as the web UI reads it.
    rows = csv.DictReader(io.StringIO(sheet.text(), newline=""), skipinitialspace=True)
    assert {row["name"]: Style(row["name"], row["prompt"], row["negative_prompt"]) for row in rows} == expected
    for name in expected:
        sheet = sheet.without_style(name)
    assert sheet.styles == ()


@settings(max_examples=1000)
@given(st.text() | CELL | st.lists(CELL, max_size=20).map(lambda cells: HEADER + ",".join(cells)))
def test_any_text_is_read(text: str) -> None:
    sheet = read_style_sheet(text)
    assert all(problem.endswith(".") for problem in sheet.problems)
    if not sheet.damaged:
        again = read_style_sheet(sheet.text())
        assert (again.styles, len(again.problems)) == (sheet.styles, len(sheet.problems))
