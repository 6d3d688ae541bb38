"""The project where users keep it: in a folder of a larger repository, a submodule, a linked worktree, a Git hook."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sentiment.cli import verify
from tests.conftest import Command
from tests.support.clone import Clone, state

pytestmark = pytest.mark.pipeline


def move(clone: Clone, path: Path) -> Clone:
    """Move the files of a clone, which has no history there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(clone.path / ".git")
    return Clone(Path(shutil.move(clone.path, path)))


def commit_in(root: Path) -> None:
    Clone(root).git("init", "--quiet", "--initial-branch=main")
    Clone(root).commit("A repository of several projects")


def subfolder(clone: Clone, outer: Path) -> Clone:
    """With a .dvc of its own, as after `dvc init --subdir`."""
    project = move(clone, outer / "équipe a/sentiment")
    commit_in(outer)
    return project


def shared_dvc(clone: Clone, outer: Path) -> Clone:
    """Beside another project of one .dvc."""
    project = move(clone, outer / "équipe a/sentiment")
    shutil.move(project.path / ".dvc", outer / ".dvc")
    (outer / "other").mkdir()
    (outer / "other/params.yaml").write_text("model: {cell: other}\n", encoding="utf-8")
    (outer / "other/test.json").write_text('{"accuracy": 0}\n', encoding="utf-8")
    (outer / "other/dvc.yaml").write_text("metrics: [test.json]\nparams: [params.yaml]\n", encoding="utf-8")
    commit_in(outer)
    return project


def submodule(clone: Clone, outer: Path) -> Clone:
    outer.mkdir()
    Clone(outer).git("init", "--quiet")
    Clone(outer).git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(clone.path), "sentiment")
    return with_outputs(Clone(outer / "sentiment"), clone)


def worktree(clone: Clone, outer: Path) -> Clone:
    clone.git("worktree", "add", "--quiet", "-b", "other", str(outer / "linked tree"))
    return with_outputs(Clone(outer / "linked tree"), clone)


def with_outputs(project: Clone, clone: Clone) -> Clone:
    project.dvc("cache", "dir", "--local", str(clone.path / ".dvc/cache"))
    project.dvc("checkout", "--quiet")
    return project


@pytest.mark.slow
@pytest.mark.parametrize("layout", [subfolder, shared_dvc, submodule, worktree])
def test_every_command_works_wherever_the_project_lies(
    command: Command,
    clone: Clone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    layout: Callable[[Clone, Path], Clone],
) -> None:
    outer = tmp_path / "outer"
    project = layout(clone, outer)
    before = state(project)
    project.set("compute.threads", 2)  # runs `check`
    done = project.sentiment("repro")
    assert [line for line in done.stdout.splitlines() if line.startswith("Running stage")] == ["Running stage 'check':"]
    assert {path for path, digest in state(project).items() if before[path] != digest} == {"dvc.lock"}
    project.commit("Two threads")
    assert "A and B disagree on 0 of" in command("sentiment", "compare", "HEAD", "workspace", cwd=project.path).stdout
    table = command("sentiment", "experiments", cwd=project.path).stdout.splitlines()
    assert table[0].split() == ["run", "accuracy,", "%", "log", "loss", "seconds"]
    assert table[1].split()[1:] == table[2].split()[1:]
    assert "Test accuracy" in command("sentiment", "summary", cwd=project.path).stdout
    assert command("sentiment", "check", cwd=project.path).stdout == "params.yaml is valid\n"
    monkeypatch.chdir(project.path)
    with verify.cloned(project.git("rev-parse", "HEAD").strip()) as copy:
        assert verify.outdated(copy) == []
        assert verify.hashes(copy) == verify.hashes(project.path)
    assert project.git("status", "--porcelain") == ""
    assert len([*outer.rglob(".dvc/tmp")]) == 1


@pytest.mark.slow
def test_a_file_system_without_locks_costs_a_warning(clone: Clone, tmp_path: Path) -> None:
    """Some NFS mounts lack flock, some Lustre ones lockf too."""
    code = f"import fcntl\n\ndef refuse(*words):\n    raise OSError({errno.ENOSYS}, 'Function not implemented')\n\n"
    code += "fcntl.flock = fcntl.lockf = refuse\n"
    (tmp_path / "sitecustomize.py").write_text(code, encoding="utf-8")
    clone.env["PYTHONPATH"] = str(tmp_path)
    assert clone.python("-m", "dvc", "repro", check=False).returncode
    clone.set("compute.threads", 2)
    first = clone.python("-m", "sentiment", "repro")
    assert "Running stage 'check'" in first.stdout
    assert "has no flock; core.hardlink_lock is now set in .dvc/config.local" in first.stderr
    assert first.stderr.count("\n") == 2, first.stderr
    assert clone.dvc("status").stdout == "Data and pipelines are up to date.\n"
