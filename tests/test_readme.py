"""What the documents say is what the repository holds."""

import re

import pytest

from benchmarks import readme
from sentiment.cli.summary import lines
from sentiment.io.json_file import read_json
from tests.support.imports import ROOT

DOCUMENTS = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "docs/experiments.md",
    "docs/reproducibility.md",
    "benchmarks/README.md",
]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_measurements() -> None:
    assert readme.filled(README) == README


def test_the_summary_shown_says_what_the_command_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    said = "\n".join(lines())
    shown = README[README.index("Test accuracy ") :]

    def without_figures(text: str) -> str:
        return re.sub(r"[0-9][0-9.,]*", "0", text[: text.index("\n\n", text.index("\n\n") + 1)].split("\n```")[0])

    # Another kind of processor, or other parameters, and the figures are others.
    assert without_figures(shown) == without_figures(said)


def test_every_command_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    assert set(re.findall(r"make ([a-z]+)", " ".join(re.findall(r"`[^`]+`|^\$ .*$", README, flags=re.M)))) <= targets
    for script in re.findall(r"runs/[a-z]+\.sh", README):
        assert (ROOT / script).is_file()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_a_document_names_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:sentiment|stages|tests|runs|benchmarks|docs)/[\w./]+\.\w+)`", text):
        assert (ROOT / path).is_file(), path
    for link in re.findall(r"\]\(([^)h][^)]*)\)", text):
        assert ((ROOT / name).parent / link).is_file(), link


def test_every_test_that_proves_a_promise_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/reproducibility.md").read_text(encoding="utf-8")))
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py"))
    assert len(named) > 5
    assert named <= set(re.findall(r"^def (test_\w+)", written, flags=re.M))


def test_the_measured_data_stages_are_within_their_promises() -> None:
    measured = read_json(ROOT / "benchmarks/results/data_stages-imdb.json")
    assert measured["reviews"] == 50_000
    peaks: dict[str, list[int]] = {}
    for run in measured["runs"]:
        assert run["copies"] > 1 or run["cpu_seconds"] <= 6
        peaks.setdefault(run["stage"], []).append(run["peak_mib"])
    for stage in ("tokenize", "count_vocab", "encode"):
        assert max(peaks[stage]) < 1.25 * min(peaks[stage]), stage


def test_tokenizing_counting_and_encoding_take_at_most_three_times_the_bound() -> None:
    measured = read_json(ROOT / "benchmarks/results/text-imdb.json")
    assert measured["reviews"] == 25_000
    assert measured["times_the_bound"]["median"] <= 3


def test_what_is_no_work_of_a_stage_takes_less_than_ten_imports_of_torch() -> None:
    """Ten seconds where torch loads in one. Those of six stages, which a result takes."""
    measured = read_json(ROOT / "benchmarks/results/pipeline-imdb.json")
    overhead = {stage["name"]: stage["imports"] + stage["dvc"] for stage in measured["stages"]}
    assert measured["overhead"] == pytest.approx(measured["start"] + sum(overhead.values()), abs=0.02)
    six = sum(overhead[name] for name in ("ingest", "tokenize", "count_vocab", "encode", "train", "evaluate"))
    assert measured["start"] + six < 10 * measured["torch_import"]
