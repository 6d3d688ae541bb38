"""The package: its dependencies are what it imports, its wheel holds every module and runs in any folder."""

import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest

from sentiment.cli.main import SUBCOMMANDS
from sentiment.inference import checkpoint
from tests.support.checkpoints import example
from tests.support.clone import Clone
from tests.support.imports import ROOT, imported_names

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = {"sentiment", "stages"}
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "sentiment").rglob("*.py"))


def distribution(requirement: str) -> str:
    """Return the normalised name in a line of a requirements list.

    >>> distribution("PyYAML==6.0.4"), distribution("ruamel.yaml[jinja2]>=0.18")
    ('pyyaml', 'ruamel-yaml')
    """
    return re.sub(r"[-_.]+", "-", re.split(r"[=><; \[]", requirement)[0]).lower()


def test_the_dependencies_are_what_the_code_imports() -> None:
    files = [*MODULES, *(path.relative_to(ROOT) for path in (ROOT / "stages").glob("*.py"))]
    imported = {name.split(".")[0] for file in files for name in imported_names(file)}
    by_import = metadata.packages_distributions()
    packages = {distribution(by_import[name][0]) for name in imported - set(sys.stdlib_module_names) - OURS}
    listed = {distribution(line) for line in PROJECT["dependencies"]}
    assert listed - packages == set()
    # What is not listed belongs to a package that is: numba compiles by llvmlite. Triton is optional.
    brought = {distribution(line) for name in listed for line in metadata.requires(name) or []}
    assert packages - listed <= brought | {distribution(line) for line in PROJECT["optional-dependencies"]["gpu"]}


def test_every_dependency_is_pinned() -> None:
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = {distribution(line) for line in pins if "==" in line}
    listed = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"] + PROJECT["optional-dependencies"]["gpu"]
    listed.append("setuptools")
    assert {distribution(line) for line in listed} <= pinned


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as `pip install .` builds it, from the files that Git knows and without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = Clone.full(folder / "source")
    words = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), "."]
    source.python(*words)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.pipeline
def test_the_wheel_holds_every_module_of_the_package_and_no_other(wheel: Path) -> None:
    packed = [Path(name) for name in ZipFile(wheel).namelist()]
    assert sorted(path for path in packed if path.suffix == ".py") == MODULES
    assert Path("sentiment/py.typed") in packed
    assert {path.parts[0] for path in packed} == {"sentiment", f"sentiment_pipeline-{PROJECT['version']}.dist-info"}


@pytest.mark.slow
def test_an_installed_package_predicts_in_any_folder(wheel: Path, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "model", example(), seed=1, epoch=1)
    environment = tmp_path / "environment"
    venv.create(environment, symlinks=True)
    python, command = environment / "bin/python", environment / "bin/sentiment"

    def run(*words: str | Path) -> str:
        done = subprocess.run(words, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)
    # Torch and the other packages come from this environment. Path files in it are not followed from there, so the
    # link to the clone that `make` installs is not found.
    purelib = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (purelib / "shared.pth").write_text("\n".join(shared), encoding="utf-8")
    assert run(command, "--version") == f"sentiment {PROJECT['version']}\n"
    listed = run(command, "--help")
    assert all(f"  {name} " in listed for name in SUBCOMMANDS)
    told = run(command, "predict", "--model", "model", "Good, good.")
    assert told == run(python, "-m", "sentiment", "predict", "--model", "model", "Good, good.")
    predict = "[found] = sentiment.load('model').predict(['Good, good.'])"
    program = f"import sentiment; {predict}; print(sentiment.__file__); print(found.label, found.probability)"
    file, answer = run(python, "-c", program).splitlines()
    assert Path(file).is_relative_to(environment)
    label, probability = answer.split()
    assert told == f"{label}  {float(probability):.4f}  Good, good.\n"
