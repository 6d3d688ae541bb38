"""The command `sentiment`: one table of subcommands, one line for a mistake, nothing loaded that is not needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sentiment.cli.main import SUBCOMMANDS, main
from tests.conftest import Command
from tests.support.imports import ROOT

HEAVY = {"dvc", "numba", "numpy", "pandas", "pyarrow", "pydantic", "scipy", "sklearn", "torch"}


def loaded(code: str) -> set[str]:
    """Return which heavy packages a program has imported when it ends."""
    program = f"import json, sys\n{code}\njson.dump(sorted(sys.modules), sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return HEAVY & {name.split(".")[0] for name in json.loads(done.stderr)}


def test_help_lists_every_module_of_the_folder_in_one_screen(command: Command) -> None:
    done = command("sentiment", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    modules = {path.stem.replace("_", "-") for path in (ROOT / "sentiment/cli").glob("[a-z]*.py")} - {"main"}
    assert modules == set(SUBCOMMANDS)
    bare = command("sentiment")
    assert (bare.returncode, bare.stdout, bare.stderr) == (2, "", done.stdout)
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert listed == list(SUBCOMMANDS)
    assert len(done.stdout.splitlines()) <= 24
    assert max(map(len, done.stdout.splitlines())) <= 100


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_subcommand_explains_itself(command: Command, name: str) -> None:
    done = command("sentiment", name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: sentiment {name} ")


def test_help_and_the_package_load_no_other_package() -> None:
    assert loaded("import sentiment; dir(sentiment)") == set()
    assert loaded("from sentiment.cli.main import call; call(['--help'])") == set()
    assert loaded("from sentiment.cli.main import call; call(['--version'])") == set()


def test_a_subcommand_loads_what_it_needs() -> None:
    assert loaded("import sentiment.cli.check, sentiment.cli.download_imdb") == set()
    assert not loaded("import sentiment.cli.predict") & {"dvc", "pandas", "sklearn", "torch"}
    assert not loaded("import sentiment.cli.repro, sentiment.cli.summary") & {"dvc", "pandas", "sklearn", "torch"}
    assert not loaded("import sentiment.cli.compare") & {"dvc", "sklearn", "torch"}
    assert not loaded("import sentiment.cli.experiments") & {"dvc", "sklearn", "torch"}


@pytest.mark.parametrize(
    "words, expected",
    [
        (["predikt", "text"], "'predikt': no such command; did you mean 'predict'? `sentiment --help` lists them"),
        (["--model", "x"], "'--model': no such command; `sentiment --help` lists them"),
        (["\x1b[31m"], "'\\x1b[31m': no such command; `sentiment --help` lists them"),
        (["check", "x"], "unrecognized arguments: x; `sentiment check --help` explains the options"),
        (["compare", "a"], "the following arguments are required: B; `sentiment compare --help` explains the options"),
    ],
)
def test_a_mistake_is_one_line(command: Command, words: list[str], expected: str) -> None:
    done = command("sentiment", *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {expected}\n")


@pytest.mark.parametrize("name", [name for name, subcommand in SUBCOMMANDS.items() if subcommand.in_repository])
def test_outside_a_repository_a_command_says_where_to_run_it(command: Command, name: str, tmp_path: Path) -> None:
    arguments = ["a", "b"] if name == "compare" else []
    elsewhere = command("sentiment", name, *arguments, cwd=tmp_path)
    assert elsewhere.returncode == 2
    assert elsewhere.stderr == (
        f"error: {tmp_path}: `sentiment {name}` works on the pipeline, and no dvc.yaml is here; "
        "run it in the root of a clone of the project\n"
    )
    below = command("sentiment", name, *arguments, cwd=ROOT / "docs")
    assert below.stderr.endswith(f"and no dvc.yaml is here; run it in {ROOT}\n")
    assert not list(tmp_path.iterdir())


def test_the_sample_corpus_is_what_the_command_writes(command: Command, tmp_path: Path) -> None:
    done = command("sentiment", "make-sample", "--output", str(tmp_path / "reviews.csv"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "reviews.csv").read_bytes() == (ROOT / "data/sample/reviews.csv").read_bytes()


def test_no_message_reaches_the_results_where_standard_error_is_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)  # as Python has it
    monkeypatch.setattr(sys, "argv", ["sentiment", "predikt"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().out == ""
