"""A mistake in a task file is named with file, line and what is allowed."""

from pathlib import Path

import pytest

from vistoria.errors import TaskError, UnknownName
from vistoria.task import Example, Field, Task, load_task, ready_tasks

GOOD = '''\
# a comment
instructions = """
Look at the pole.\u2028

[[fields]]
name = "not a field: still the instructions"
"""

[[fields]]
name = "asset"
kind = "choice"
help = "Which asset."
choices = [
  "pole",
  "sign",
]

[[fields]]
name = "height"
kind = "number"
help = "How tall."
unit = "m"
minimum = 2
maximum = 30.5
only_if = { asset = "pole" }

[[fields]]
name = "badge"
kind = "text"
max_length = 20
optional = true
[fields.only_if]
asset = ["pole", "sign"]

[[examples]]
shows = "A tall pole."
answer = { asset = "pole", height = 12 }
'''


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "tall.toml"
    path.write_text(GOOD)
    task = load_task(path)
    pole = ("pole",)
    assert task == Task(
        "tall",
        'Look at the pole.\u2028\n\n[[fields]]\nname = "not a field: still the instructions"\n',
        (
            Field("asset", "choice", "Which asset.", choices=("pole", "sign")),
            Field(
                *("height", "number", "How tall."),
                unit="m",
                minimum=2,
                maximum=30.5,
                only_if={"asset": pole},
            ),
            Field(
                *("badge", "text"),
                max_length=20,
                optional=True,
                only_if={"asset": ("pole", "sign")},
            ),
        ),
        (Example("A tall pole.", {"asset": "pole", "height": 12}),),
    )
    assert load_task(str(path)) == task


def test_the_name_may_be_given_and_windows_files_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "tall.toml"
    text = 'name = "poles"\n' + GOOD
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load_task(path).name == "poles"


BAD: dict[str, tuple[str, str, int, str]] = {
    "syntax": ('unit = "m"', "unit = m", 22, "not valid TOML: Invalid value"),
    "open string": ("= 12 }\n", '= "12 }', 37, "not valid TOML"),
    "unknown key": (
        "unit =",
        "units =",
        22,
        "unknown key 'units' in a field; did you mean 'unit'?",
    ),
    "unknown top key": ("# a comment", "instuctions = 1", 1, "did you mean 'instructions'?"),
    "unknown example key": ("shows =", "show =", 36, "unknown key 'show' in an example"),
    "no instructions": ("instructions =", "name =", 1, "a task needs 'instructions'"),
    "wrong type": ("minimum = 2", 'minimum = "2"', 23, "'minimum' must be a number, not '2'"),
    "boolean for a number": ("minimum = 2", "minimum = true", 23, "must be a number, not True"),
    "float for an integer": ("max_length = 20", "max_length = 2.5", 30, "must be a whole number"),
    "choice that is no text": ('"sign",\n', "3,\n", 13, "choice 3 must be text"),
    "no kind": ('kind = "number"\n', "", 18, "a field needs 'kind'"),
    "unknown kind": ('"number"', '"numbr"', 20, "no kind 'numbr'; did you mean 'number'? allowed:"),
    "bad name": ('"height"', '"Height"', 19, "must be lower-case letters, digits and _"),
    "name with a space": ('"height"', '"the height"', 19, "must be lower-case letters"),
    "name of a result column": ('"height"', '"status"', 19, "is a column of every result table"),
    "duplicate name": ('"badge"', '"height"', 28, "two fields are named 'height'"),
    "no choices": ('choices = [\n  "pole",\n  "sign",\n]', "", 9, "a choice field needs 'choices'"),
    "one choice": ('  "sign",\n', "", 13, "a choice field needs 'choices'"),
    "same choices": ('"sign"', '"Pole"', 13, "'pole' and 'Pole' are the same but for case"),
    "empty choice": ('"sign",\n', '" ",\n', 13, "choice ' ' is empty or has space around it"),
    "option of another kind": (
        *("unit =", "max_length = 3\nunit =", 22),
        "'max_length' means nothing for a number; it is for text",
    ),
    "length": ("max_length = 20", "max_length = 0", 30, "max_length must be 1 or more"),
    "range": ("minimum = 2", "minimum = 40", 23, "minimum 40 is above maximum 30.5"),
    "not finite": ("minimum = 2", "minimum = nan", 23, "minimum must be a number"),
    "unknown decider": (
        *("{ asset =", "{ aset =", 25),
        "only_if names 'aset', which is no earlier field; did you mean 'asset'?",
    ),
    "later decider": ("{ asset =", "{ badge =", 25, "which is no earlier field"),
    "itself": ("{ asset =", "{ height =", 25, "which is no earlier field"),
    "decider of text": (
        *(
            "[[examples]]",
            '[[fields]]\nname = "x"\nkind = "text"\nonly_if = { badge = "a" }\n[[examples]]',
            38,
        ),
        "only_if cannot depend on 'badge', a text",
    ),
    "impossible value": (
        *('{ asset = "pole" }', '{ asset = "poles" }', 25),
        """asset is never 'poles'; it is one of "pole", "sign\"""",
    ),
    "no value": ('["pole", "sign"]', "[]", 33, "only_if gives no value of 'asset'"),
    "example breaks task": (
        "height = 12",
        "height = 99",
        37,
        "- height: got 99; allowed: a number",
    ),
    "example misses field": (", height = 12", "", 37, "- height: got null"),
    "example of no field": ("height = 12", "heigt = 12", 37, "no field 'heigt'; did you mean 'he"),
    "example shows nothing": ('"A tall pole."', '" "', 36, "does not say what it shows"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_says_where_and_what(case: str, tmp_path: Path) -> None:
    old, new, line, said = BAD[case]
    assert old in GOOD
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(TaskError) as caught:
        load_task(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('\ninstructions = " "\nfields = []\n', 2, "instructions are empty"),
        ('instructions = "Look."\n\nfields = []\n', 3, "a task needs at least one field"),
        ('instructions = "Look."\n', 1, "a task needs 'fields'"),
        ('instructions = "Look."\nfields = ["a"]\n', 2, "a field must be a table"),
        (
            'instructions = "Look."\nfields = [\n  { name = "a", kind = "x" },\n]\n',
            2,
            "no kind 'x'",
        ),
        (
            'instructions = "L."\n'
            + "".join(f'[[fields]]\nname = "{n}"\nkind = "text"\nhelp = "H."\n' for n in "ab"),
            9,
            "a and b ask the same; give each its own help",
        ),
        ('instructions = "a\nb"\n', 1, "not valid TOML"),
    ],
)
def test_other_bad_files(text: str, line: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(TaskError) as caught:
        load_task(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(b'# a\nname = "\xff"\n')
    with pytest.raises(TaskError, match=r"bad\.toml:2: the file is not UTF-8 text"):
        load_task(path)


@pytest.mark.parametrize("name", ["missing.toml", "./missing"])
def test_a_file_that_is_not_there(name: str) -> None:
    with pytest.raises(TaskError, match="cannot read the file: No such file"):
        load_task(name)


def test_an_unknown_ready_task() -> None:
    with pytest.raises(UnknownName, match="no task named 'road_sing'; did you mean 'road_sign'"):
        load_task("road_sing")
    assert "utility_pole" in ready_tasks()


def test_rules_hold_for_tasks_made_in_python() -> None:
    with pytest.raises(TaskError, match="minimum 3 is above maximum 2"):
        Task("any", "Look.", (Field("a", "number", minimum=3, maximum=2),))
    with pytest.raises(UnknownName, match="no field named 'b'"):
        Task("any", "Look.", (Field("a", "text"),)).only(["b"])
