"""The documents say what the repository holds: commands, files, modules, parameters, links and measured figures."""

import importlib.util
import pydoc
import re
import shlex
import textwrap

import pytest
import yaml
from dvc.cli import parse_args

from benchmarks import learning_curve, tables
from sentiment.cli.main import SUBCOMMANDS
from sentiment.cli.summary import lines
from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from sentiment.io.command import ArgumentParser
from sentiment.io.json_file import read_json
from tests.support.imports import ROOT

DOCUMENTS = sorted(
    str(path.relative_to(ROOT)) for pattern in ("*.md", "docs/*.md", "benchmarks/*.md") for path in ROOT.glob(pattern)
)
# Dated entries and lists of renames name what no longer exists.
HISTORY = {"CHANGELOG.md", "docs/experiments.md"}
PRESENT = [name for name in DOCUMENTS if name not in HISTORY]
TOP_LEVEL = "sentiment|stages|tests|runs|benchmarks|docs|data|models|metrics"


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks_of(text: str, language: str) -> list[str]:
    """Return the contents of the fenced code blocks in a language."""
    blocks = re.findall(rf"^ *```{language}\n(.*?)^ *```", text, flags=re.M | re.S)
    return [textwrap.dedent(block) for block in blocks]


def prose_of(text: str) -> str:
    """Return a document without its fenced code blocks."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)


def commands_of(text: str) -> list[list[str]]:
    """Return the words of every command that a document tells its reader to type: after `$ `, and in inline code."""
    typed = [line[2:] for block in blocks_of(text, "console") for line in block.splitlines() if line.startswith("$ ")]
    typed += [
        code for code in re.findall(r"`([^`\n]+)`", prose_of(text)) if re.match(r"(make|dvc|sentiment) [a-z]", code)
    ]
    typed += [code for code in re.findall(r"`([^`\n]+)`", prose_of(text)) if code.startswith("python -m ")]
    single = [part for line in typed for part in re.split(r" && |\s*\| ", line)]
    return [shlex.split(line, comments=True) for line in single]


def anchors_of(text: str) -> set[str]:
    """Return the anchors that GitHub gives to a document's headings."""
    titles = re.findall(r"^#+ (.*)$", prose_of(text), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_tables_are_those_of_the_measurements() -> None:
    shown = set()
    for document in tables.DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        assert tables.filled(text) == text, f"{document.name}: run python -m benchmarks.tables"
        shown |= set(tables.places(text))
    assert shown == set(tables.TABLES)


def test_the_plot_is_that_of_the_committed_run() -> None:
    assert learning_curve.IMAGE.read_text(encoding="utf-8") == learning_curve.drawn()


def test_the_summary_shown_says_what_the_command_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    said = "\n".join(lines())
    readme = text_of("README.md")
    shown = readme[readme.index("Test accuracy ") :]

    def without_figures(text: str) -> str:
        return re.sub(r"[0-9][0-9.,]*", "0", text[: text.index("\n\n", text.index("\n\n") + 1)].split("\n```")[0])

    # Another kind of processor, or other parameters, and the figures are others.
    assert without_figures(shown) == without_figures(said)


def test_the_figures_about_the_automaton_are_those_of_the_committed_run() -> None:
    text, found = text_of("docs/automata.md").replace("\n", " "), read_json(paths.ANALYSIS_METRICS)["language"]
    said = f"of the {found['steps']} steps of the nine states, {found['deciding']} decide some text"
    assert f"{said}, and the network has learned {found['learned']}" in text
    *most, last = (f"{100 * found[f'times_{times}']['accuracy']:.3g}" for times in (2, 4, 8))
    assert f"it gets {', '.join(most)} and {last} % right" in text
    assert f'"{found["shortest_error"]}"' in text
    states, share = text_of("metrics/plots/quantized.csv").splitlines()[-1].split(",")[:2]
    assert f"{states} states keep {float(share):.0%}".replace("%", " %") in text


@pytest.mark.parametrize("name", PRESENT)
def test_every_command_exists_with_its_options(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), flags=re.M))
    for words in commands_of(text_of(name)):
        match words:
            case ["make", *arguments]:
                assert {word for word in arguments if "=" not in word} <= targets, words
            case ["dvc", *arguments]:
                parse_args(arguments)  # raises DvcParserError
            case ["sentiment", command, *arguments]:
                assert command in SUBCOMMANDS, words
                parser = ArgumentParser()
                importlib.import_module(f"sentiment.cli.{command.replace('-', '_')}").configure(parser)
                if arguments:
                    parser.parse_args(arguments)  # raises InputError
            case ["python", "-m", module, *_] if "<" not in module:
                assert importlib.util.find_spec(module), words


@pytest.mark.parametrize("name", PRESENT)
def test_every_parameter_exists(name: str) -> None:
    parameters = read_yaml(ROOT / "params.yaml")
    added = re.findall(r"^\+  (\w+):", text_of(name), flags=re.M)  # by a recipe
    code = "\n".join(blocks_of(text_of(name), "console") + re.findall(r"`([^`\n]+)`", prose_of(text_of(name))))
    for section, key in re.findall(rf"(?<![\w/.])({'|'.join(parameters)})\.([a-z_]+)\b(?![.(/])", code):
        assert key in parameters[section] or key in added, f"{section}.{key}"


def test_the_scripts_set_parameters_that_exist() -> None:
    parameters = read_yaml(ROOT / "params.yaml")
    for script in sorted((ROOT / "runs").glob("*.sh")):
        for section, key in re.findall(r"\b([a-z_]+)\.([a-z_]+)=", script.read_text(encoding="utf-8")):
            assert key in parameters[section], f"{script.name}: {section}.{key}"


def outputs() -> set[str]:
    """Return the path of every output in dvc.yaml."""
    stages = yaml.safe_load(text_of("dvc.yaml"))["stages"].values()
    entries = [out for stage in stages for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return {next(iter(out)) if isinstance(out, dict) else out for out in entries}


def test_every_output_has_a_contract() -> None:
    contracts = text_of("ARCHITECTURE.md").partition("## Files and their contracts")[2].partition("\n## ")[0]
    named = re.findall(r"`([\w./<>{},]+)`", contracts)
    for output in outputs():
        assert any(name == output or name.startswith(f"{output}/") or output.startswith(name) for name in named), output


@pytest.mark.parametrize("name", PRESENT)
def test_every_path_and_module_exists(name: str) -> None:
    for path in re.findall(rf"`((?:{TOP_LEVEL})/[\w./-]*)`", text_of(name)):
        if f"\n`{path}`:\n\n```python" in text_of(name):
            continue  # a new file of a recipe
        whole = path.rstrip("/")
        made = any(whole == output or whole.startswith(f"{output}/") for output in {"models", *outputs()})
        assert made or (ROOT / whole).exists(), path
    for module in re.findall(r"`((?:sentiment|stages|benchmarks|tests)(?:\.\w+)+)`", text_of(name)):
        assert pydoc.locate(module), module


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_internal_link_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text_of(name)):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if anchor:
            assert anchor in anchors_of(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("name", DOCUMENTS)
def test_prose_is_at_most_120_columns_wide(name: str) -> None:
    for line in prose_of(text_of(name)).splitlines():
        # What cannot be broken: tables, and a single link or piece of code.
        assert len(line) <= 120 or line.startswith("|") or " " not in line.strip(), line


def test_what_the_readme_shows_of_a_terminal_fits_100_columns() -> None:
    """Commands excepted: a shell wraps what is typed."""
    for block in blocks_of(text_of("README.md"), "console"):
        for line in block.splitlines():
            assert line.startswith("$ ") or len(line) <= 100, line


def test_every_test_that_proves_a_promise_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", text_of("docs/reproducibility.md")))
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


def test_the_overhead_of_the_stages_is_less_than_ten_imports_of_torch() -> None:
    """Ten seconds where torch loads in one, for the six stages that every result needs."""
    measured = read_json(ROOT / "benchmarks/results/pipeline-imdb.json")
    overhead = {stage["name"]: stage["imports"] + stage["dvc"] for stage in measured["stages"]}
    assert measured["overhead"] == pytest.approx(measured["start"] + sum(overhead.values()), abs=0.02)
    six = sum(overhead[name] for name in ("ingest", "tokenize", "count_vocab", "encode", "train", "evaluate"))
    assert measured["start"] + six < 10 * measured["torch_import"]
