"""A team shares data and experiments: through a folder, and through a server that speaks S3."""

import hashlib
import logging
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml
from tests.support.clone import STAGES, Clone, state

BUCKET = "team"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


class Remote(ABC):
    """Where a team's files lie."""

    url: str

    @abstractmethod
    def objects(self) -> dict[str, int]:
        """Return the size of each file in it, in bytes, by name."""

    @abstractmethod
    def replace(self, name: str, content: bytes) -> None: ...


class Folder(Remote):
    def __init__(self, path: Path) -> None:
        self._path, self.url = path, str(path)

    def objects(self) -> dict[str, int]:
        return {
            str(path.relative_to(self._path)): path.stat().st_size for path in self._path.rglob("*") if path.is_file()
        }

    def replace(self, name: str, content: bytes) -> None:
        (self._path / name).chmod(0o644)
        (self._path / name).write_bytes(content)


class Bucket(Remote):
    def __init__(self, endpoint: str) -> None:
        import boto3

        self.url = f"s3://{BUCKET}/sentiment"
        self._client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )
        self._client.create_bucket(Bucket=BUCKET)

    def objects(self) -> dict[str, int]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", [])}

    def replace(self, name: str, content: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=name, Body=content)


@pytest.fixture
def folder(clone: Clone, tmp_path: Path) -> Remote:
    """A remote as the README sets it up, committed in the clone; nothing is in it."""
    found = Folder(tmp_path / "remote")
    add(clone, found)
    return found


@pytest.fixture(params=["folder", "s3"])
def remote(request: pytest.FixtureRequest, clone: Clone) -> Iterator[Remote]:
    """The same, and one that speaks S3."""
    if request.param == "folder":
        yield request.getfixturevalue("folder")
        return
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        found = Bucket(endpoint)
        clone.env.update(KEYS)
        add(clone, found, endpointurl=endpoint)
        yield found
    finally:
        server.stop()


def add(clone: Clone, remote: Remote, **options: str) -> None:
    clone.dvc("remote", "add", "--default", "team", remote.url)
    for name, value in ({"verify": "true"} | options).items():
        clone.dvc("remote", "modify", "team", name, value)
    clone.commit("Share data through the team remote")


@pytest.mark.slow
def test_a_colleague_pulls_and_has_nothing_to_run(clone: Clone, remote: Remote, tmp_path: Path) -> None:
    clone.dvc("push")
    colleague = clone.copy(tmp_path / "colleague")
    assert not (colleague.path / "models").exists()
    colleague.dvc("pull")
    assert state(colleague) == state(clone)
    assert "Running stage" not in colleague.dvc("repro").stdout
    assert colleague.git("status", "--porcelain") == ""
    told = colleague.sentiment("predict", "The plot was not very good.").stdout
    assert told.split()[0] in ("positive", "negative")


@pytest.mark.slow
def test_a_run_that_a_colleague_made_is_not_made_again(clone: Clone, remote: Remote, tmp_path: Path) -> None:
    """By the shared run cache, for a stage all of whose outputs DVC holds: it pushes no metrics that Git holds."""
    clone.dvc("push")
    colleague = clone.copy(tmp_path / "colleague")
    clone.set("tokenize.lowercase", True)
    clone.dvc("repro", "tokenize")
    clone.dvc("push", "--run-cache")
    colleague.dvc("pull", "--run-cache")
    colleague.set("tokenize.lowercase", True)
    said = colleague.dvc("repro", "--pull", "tokenize").stdout
    assert "Stage 'tokenize' is cached - skipping run" in said
    assert "python -m stages.tokenize" not in said
    assert colleague.recorded()["tokenize"] == clone.recorded()["tokenize"]


@pytest.mark.slow
def test_a_damaged_object_is_not_pulled(clone: Clone, remote: Remote, tmp_path: Path) -> None:
    """Neither as a file of its own nor as one of a folder."""
    clone.dvc("push")
    sizes = remote.objects()
    weights = hashlib.md5((clone.path / paths.MODEL / "weights.safetensors").read_bytes(), usedforsecurity=False)
    digests = [clone.recorded()["evaluate"]["outs"][0]["md5"], weights.hexdigest()]
    damaged = [name for name in sizes if "".join(Path(name).parts[-2:]) in digests]
    assert len(damaged) == 2
    for name in damaged:
        remote.replace(name, b"x" * sizes[name])
    colleague = clone.copy(tmp_path / "colleague")
    done = colleague.dvc("pull", check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert {str(paths.PREDICTIONS), str(paths.MODEL)} <= set(done.stderr.splitlines())
    assert not any(b"x" * 9 in path.read_bytes() for path in colleague.path.glob("[dm]*/**/*") if path.is_file())


@pytest.mark.slow
def test_a_remote_that_is_not_there_is_named(clone: Clone, folder: Remote, tmp_path: Path) -> None:
    clone.dvc("push")
    shutil.rmtree(folder.url)
    colleague = clone.copy(tmp_path / "colleague")
    done = colleague.dvc("pull", check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert str(paths.MODEL) in done.stderr  # which it misses
    # Who has the outputs fills another one; who has not makes them again first, as tests/test_pipeline.py shows.
    clone.dvc("remote", "add", "--force", "--default", "team", str(tmp_path / "another"))
    clone.dvc("push")
    shutil.copy(clone.path / ".dvc/config", colleague.path / ".dvc/config")
    colleague.dvc("pull")
    assert state(colleague) == state(clone)


def test_line_ends_are_those_of_the_repository(clone: Clone, tmp_path: Path) -> None:
    """core.autocrlf, which Git for Windows sets, would change the hashes of the code and break the scripts."""
    clone.git("-c", "core.autocrlf=true", "-c", "core.eol=crlf", "clone", "--quiet", ".", str(tmp_path / "other"))
    for name in clone.git("ls-files", "-z").split("\0")[:-1]:
        assert (tmp_path / "other" / name).read_bytes() == (clone.path / name).read_bytes(), name


@pytest.mark.slow
def test_two_people_change_different_stages(clone: Clone, folder: Remote, tmp_path: Path) -> None:
    """dvc.lock and the metrics conflict; params.yaml does not. Either side is taken, then all is made to fit."""
    clone.dvc("push")
    colleague = clone.copy(tmp_path / "colleague")
    colleague.dvc("pull")
    for person, key, value in [(clone, "baseline.c", 0.5), (colleague, "evaluate.threshold", 0.4)]:
        person.set(key, value)
        person.dvc("repro")
        person.commit(f"{key} {value}")
        person.dvc("push")
    clone.git("fetch", "--quiet", str(colleague.path), "main")
    merged = clone.run("git", "-c", "user.name=n", "-c", "user.email=n@example.org", "merge", "FETCH_HEAD", check=False)
    assert merged.returncode
    conflicts = set(clone.git("diff", "--name-only", "--diff-filter=U").split())
    assert "dvc.lock" in conflicts
    assert all(name == "dvc.lock" or name.startswith("metrics/") for name in conflicts)
    clone.git("checkout", "--ours", "dvc.lock", "metrics")
    said = clone.dvc("repro").stdout
    ran = {line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")}
    assert ran <= {"check", "evaluate", "report"}
    clone.commit("Merge")
    values = read_yaml(clone.path / "params.yaml")
    assert values["baseline"]["c"] == 0.5
    assert values["evaluate"]["threshold"] == 0.4
    assert "Running stage" not in clone.dvc("repro").stdout
    for stage in STAGES:
        assert clone.recorded()[stage]
