"""A clean clone of the project in a folder of its own, in which DVC can run."""

import csv
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from sentiment.config.yaml_file import read_yaml, write_yaml
from tests.support import commands
from tests.support.imports import ROOT

SAMPLE = Path("data/sample/reviews.csv")


def set_parameter(file: Path, key: str, value: object) -> None:
    """Change one parameter in a params.yaml, whose comments are lost: `set_parameter(file, "train.epochs", 2)`."""
    document = read_yaml(file)
    section, name = key.split(".")
    assert name in document[section], key
    document[section][name] = value
    write_yaml(file, document)


@dataclass
class Clone:
    """A Git repository with the project's files as they are in the working tree now."""

    path: Path
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def full(cls, path: Path) -> "Clone":
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, path / name)
        clone = cls(path)
        clone.git("init", "--quiet", "--initial-branch=main")
        clone.commit("The project")
        return clone

    @classmethod
    def small(cls, path: Path) -> "Clone":
        """Return a clone whose whole pipeline runs in a few seconds."""
        clone = cls.full(path)
        clone.shrink()
        clone.commit("A small corpus")
        return clone

    def shrink(self) -> None:
        """Keep 600 reviews, two epochs, 100 bootstrap samples, no analysis, probe or page. No comments."""
        with (self.path / SAMPLE).open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        with (self.path / SAMPLE).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows(chain([header], rows[:300], rows[-300:]))
        self.set("train.epochs", 2)
        self.set("evaluate.bootstrap_samples", 100)
        self.set("analyze.reviews", 0)
        self.set("probe.cases", 0)
        self.set("report.reviews", 0)

    def copy(self, path: Path) -> "Clone":
        """Return a `git clone`, which has none of the outputs."""
        subprocess.run(["git", "clone", "--quiet", str(self.path), str(path)], check=True)
        return Clone(path, dict(self.env))

    def set(self, key: str, value: object) -> None:
        """Change a parameter in params.yaml."""
        set_parameter(self.path / "params.yaml", key, value)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command in the clone. Without bytecode, each stage would compile all modules again."""
        return os.environ | {"PYTHONDONTWRITEBYTECODE": ""} | self.env

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone."""
        done = subprocess.run(
            words, cwd=self.path, env=self.environment, capture_output=True, text=True, check=False, timeout=600
        )
        return _checked(done) if check else done

    def python(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, *words, check=check)

    def dvc(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run DVC, whose stages run the clone's code."""
        return self._forked("dvc", words, check)

    def sentiment(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command `sentiment` of the working tree in the clone."""
        return self._forked("sentiment", words, check)

    def stage(self, name: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a stage of the working tree by hand in the clone."""
        return self._forked(f"stages.{name}", (), check)

    def _forked(self, module: str, words: tuple[str, ...], check: bool) -> subprocess.CompletedProcess[str]:
        done = commands.run(module, words, b"", self.path, self.environment)
        return _checked(done) if check else done

    def git(self, *words: str) -> str:
        return self.run("git", "-c", "user.name=n", "-c", "user.email=n@example.org", *words).stdout

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def recorded(self) -> dict[str, Any]:
        """Return the entry of each stage in dvc.lock."""
        stages: dict[str, Any] = read_yaml(self.path / "dvc.lock")["stages"]
        return stages

    def append(self, file: str, line: str) -> None:
        """Add a line to a file."""
        with (self.path / file).open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")

    def hashes(self) -> dict[str, str]:
        """Return a hash of every output that exists: nothing volatile is among them."""
        files = chain.from_iterable(
            (self.path / folder).rglob("*") for folder in ("data", "models", "analysis", "metrics")
        )
        return {
            str(file.relative_to(self.path)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(files)
            if file.is_file() and file.name != "speed.json" and ".partial/" not in str(file)  # left by a killed writer
        }


def _checked(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert done.returncode == 0, f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


STAGES = list(read_yaml(ROOT / "dvc.yaml")["stages"])  # in the order in which they run


def state(clone: Clone) -> dict[str, str]:
    """Return every output's hash and the lock file: what a failing run must leave alone."""
    return clone.hashes() | {"dvc.lock": (clone.path / "dvc.lock").read_text(encoding="utf-8")}


def imdb_folder(clone: Clone, root: Path) -> Path:
    """Write the clone's corpus in the layout of the IMDb data set, a quarter of it as the test split."""
    with (clone.path / SAMPLE).open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream)):
            folder = root / ("test" if number % 4 == 0 else "train") / row["label"][:3]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}_5.txt").write_text(row["text"], encoding="utf-8")
    return root
