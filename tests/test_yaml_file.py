"""YAML: the core schema of version 1.2, and never another value than DVC reads from the same file."""

import math
import re
import time
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import dumps_yaml, loads_yaml, parse_yaml
from hypothesis import example, given
from hypothesis import strategies as st

from sentiment.config.yaml_file import parse, read_yaml, write_yaml
from sentiment.errors import InputError
from tests.support.imports import ROOT


def dvc_reads(text: str) -> tuple[bool, Any]:
    """Return whether DVC accepts a document, and the value it reads."""
    try:
        return True, loads_yaml(text)
    except Exception:  # ruamel.yaml also raises ValueError, KeyError, AttributeError and more
        return False, None


def we_read(text: str) -> tuple[bool, Any]:
    try:
        return True, parse(text)
    except InputError:
        return False, None


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal and of the same types; NaN equals NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return len(one) == len(other) and all(
            any(same(key, twin) and same(value, other[twin]) for twin in other) for key, value in one.items()
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other)))


@pytest.mark.parametrize(
    "text, value",
    [
        ("1e-3", 0.001), ("1E3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-.5e+1", -5.0), ("+12", 12), ("-0", 0),
        ("017", 17), ("0o17", 15), ("0x1F", 31), ("0o8", "0o8"), ("1:30", "1:30"), ("1:30.5", "1:30.5"),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("Off", "Off"), ("y", "y"), ("true", True), ("FALSE", False),
        ("tRue", "tRue"), ("~", None), ("null", None), ("", None), ("nULL", "nULL"), (".", "."), ("1e", "1e"),
        (".inf", math.inf), ("-.INF", -math.inf), (".nan", math.nan), ("inf", "inf"), ("nan", "nan"),
        ("'1'", "1"), ('"\\u2028"', "\u2028"), ("!!str 1", "1"), ("!!float 1", 1.0), ("!!int '1'", 1), ("a#b", "a#b"),
    ],
)  # fmt: skip
def test_a_scalar_has_the_type_of_the_core_schema_as_in_dvc(text: str, value: object) -> None:
    assert same(parse(f"key: {text}"), {"key": value})
    assert same(loads_yaml(f"key: {text}"), {"key": value})


@pytest.mark.parametrize(
    "text", ["1_000", "0b11", "-0x1F", "+0o7", "0x_F", "1._5", "2024-01-31", "2024-01-31T10:00:00Z", ".5e3", "-_", "="]
)
def test_a_scalar_that_dvc_reads_unlike_the_core_schema_is_refused_unless_quoted(text: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"line 2: DVC reads '{text}' unlike YAML 1.2; put text in quotes")):
        parse(f"first: 1\nkey: {text}")
    assert parse(f"key: '{text}'") == loads_yaml(f"key: '{text}'") == {"key": text}


SCALARS = st.text("0123456789+-._:eEoxbnaifNINFtTzZ ~<=!'", min_size=1, max_size=12)


@given(SCALARS)
def test_a_scalar_is_read_as_dvc_reads_it_or_refused(text: str) -> None:
    accepted, value = we_read(f"key: {text}")
    if accepted:
        assert dvc_reads(f"key: {text}")[0]
        assert same(loads_yaml(f"key: {text}"), value)


PARTS = st.sampled_from(
    [
        *(
            "a",
            "b",
            "1",
            "1.5",
            "no",
            "~",
            "-",
            "- ",
            ": ",
            ":",
            "\n",
            "\n  ",
            "{",
            "}",
            "[",
            "]",
            ", ",
            "? ",
            "'",
            '"',
        ),
        *(
            "? ",
            "#",
            " #c",
            "&a ",
            "*a",
            "&b ",
            "*b",
            "<<: ",
            "<<: *a\n",
            "!!str ",
            "!!map ",
            "! ",
            "%YAML 1.1\n",
            "---\n",
        ),
        *("...\n", "\t", "\\n", "\\x41", "é", "\u2028", "\x85", "\x07", "\ufeff", "@", "=", "2024-01-01", "\r\n"),
        *("x: y\n", "k: v"),
    ]
)


@given(st.sampled_from(["key: ", "p: &a {x: 1, y: 2}\nq:\n  ", "p: &a\n  x: 1\nq: "]), st.lists(PARTS, max_size=10))
def test_a_document_is_read_as_dvc_reads_it_or_refused(start: str, parts: list[str]) -> None:
    text = start + "".join(parts)
    accepted, value = we_read(text)
    if accepted and isinstance(value, dict):
        assert dvc_reads(text)[0]
        assert same(loads_yaml(text), value)


# Without the characters that DVC writes as they are, and that end a line in YAML 1.1 alone.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_subnormal=False) | TEXT | SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.text("abc_", min_size=1), VALUES, min_size=1, max_size=4)


@given(DOCUMENTS)
@example({"word": "no", "number": "1e-3", "date": "2024-01-31", "octal": "017", "thousand": "1_000", "merge": "<<"})
def test_what_dvc_writes_is_read_back(document: dict[str, Any]) -> None:
    """Such as dvc.lock, and params.yaml after `dvc exp run -S train.learning_rate=1e-3`."""
    written = dumps_yaml(document)
    accepted, value = we_read(written)
    # The one string that DVC writes without quotes and the core schema takes for a number, `.5e3`, is refused.
    assert same(value, loads_yaml(written)) if accepted else "unlike YAML 1.2" in _refusal(written)


def _refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse(text)
    return str(caught.value)


@given(document=DOCUMENTS)
@example({"word": "no", "number": "1e-3", "date": "2024-01-31", "octal": "017", "thousand": "1_000", "merge": "<<"})
def test_what_we_write_is_read_back_by_us_and_by_dvc(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    write_yaml(path, document)
    assert same(read_yaml(path), document)
    assert same(parse_yaml(path.read_text(encoding="utf-8"), path), document)


@pytest.mark.parametrize("name", ["params.yaml", "dvc.yaml", "dvc.lock"])
def test_the_project_s_files_hold_for_us_what_they_hold_for_dvc(name: str) -> None:
    assert same(read_yaml(ROOT / name), loads_yaml((ROOT / name).read_text(encoding="utf-8")))


MERGES = """\
base: &base {x: 1, y: 1}
more: &more {y: 2, z: 2}
own: {<<: *base, y: 3}
list: {<<: [*base, *more], w: 4}
chain: &chain {<<: *base, x: 5}
end: {<<: *chain}
"""


def test_merge_keys_add_what_the_mapping_lacks_as_in_dvc() -> None:
    assert parse(MERGES) == loads_yaml(MERGES)
    assert parse(MERGES)["list"] == {"x": 1, "y": 1, "z": 2, "w": 4}
    assert parse(MERGES)["end"] == {"x": 5, "y": 1}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' occurs twice; remove one"),
        ("b: &b {x: 1}\na:\n  <<: *b\n  y: 1\n  'y': 2", "line 5: the key 'y' occurs twice; remove one"),
        ("b: &b {x: 1}\na: {<<: *b, <<: *b}", "line 2: the key '<<' occurs twice; remove one"),
        ("1: a\n0x1: b", "line 2: the key '0x1' occurs twice; remove one"),
        ("a: 1\n? [b, c]\n: 2", "line 2: a list or a mapping is no key; use a word"),
        ("a:\n  b: !!python/name:os.system x", "line 2: the tag 'tag:yaml.org,2002:python/name:os.system' is not read"),
        ("a: !!bool yes", "line 1: 'yes' is no YAML bool; remove the tag"),
        ("a: 1\n\tb: 2", "line 2: not valid YAML: found character '\\t' that cannot start any token"),
        ("a: [1", "line 1: not valid YAML: expected ',' or ']'"),
        ("a: 1\nb: *c", "line 2: not valid YAML: found undefined alias 'c'"),
        ("a: 1\n---\nb: 2", "line 2: not valid YAML: but found another document"),
        ("# c\n%YAML 1.1\n---\na: no", "line 2: directives such as %YAML are not read here"),
        ("a: 1\nb: 'x\u2028y'", r"line 2: '\u2028' is not read here; write the escape in double quotes"),
        ("a: \x07", "not valid YAML: unacceptable character #x0007"),
        ("a: " + "1" * 5000, "Exceeds the limit (4300 digits)"),
        ("a: " + "[" * 5000, "not valid YAML: nested too deeply"),
        ("a: &a [*a]", "its anchors expand to more than 1,000,000 values"),
    ],
)
def test_an_error_names_file_line_and_remedy(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_file_that_holds_no_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    with pytest.raises(InputError, match="params.yaml: missing; run the command in the root of the repository"):
        read_yaml(path)
    for content, expected in [(b"", "holds None"), (b"- a", r"holds \['a'\]"), (b"a: \xff", "byte 3 is not UTF-8")]:
        path.write_bytes(content)
        with pytest.raises(InputError, match=expected):
            read_yaml(path)


@pytest.mark.parametrize(
    "bomb",
    [
        "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30)),
        "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 30)),
    ],
    ids=["lists", "merges"],
)
def test_aliases_of_aliases_fill_no_memory(bomb: str) -> None:
    start = time.perf_counter()
    assert "its anchors expand to more than 1,000,000 values" in _refusal(bomb)
    assert time.perf_counter() - start < 1


def test_a_change_of_the_file_is_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    for value in range(20):
        path.write_text(f"a: {value:02}", encoding="utf-8")
        assert read_yaml(path) == {"a": value}
