"""How contestants are timed: ratios by hand, and what is not installed is said, not left out."""

import json
import re
import shutil
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import corpora, data_stages, pipeline, prepared, text, timing
from benchmarks.timing import Contestant, Ratio, Timing
from sentiment.config import paths
from sentiment.config.yaml_file import read_yaml, write_yaml
from tests.conftest import Command
from tests.support.clone import Clone

ABSENT = "a_package_that_nobody_wrote"


def test_ratios_are_formed_within_a_round() -> None:
    reference = Timing("reference", (1.0, 2.0, 4.0, 1.0))
    noisy = Timing("noisy", (3.0, 6.0, 10.0, 4.0))  # 3, 3, 2.5 and 4 times the reference
    assert noisy.ratio(reference) == Ratio(median=3.0, low=2.5, high=4.0)
    assert reference.ratio(reference) == Ratio(1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="argument"):
        Timing("short", (1.0,)).ratio(reference)


def test_every_round_runs_each_contestant_once_and_the_first_does_not_count() -> None:
    clock = count(1)
    calls: list[str] = []

    def contestant(name: str) -> Contestant:
        def measure() -> float:
            calls.append(name)
            return float(next(clock))

        return Contestant(name, measure)

    timings = timing.compete([contestant("a"), contestant("b")], rounds=2)
    assert calls == ["a", "b"] * 3
    assert timings == [Timing("a", (3.0, 5.0)), Timing("b", (4.0, 6.0))]


def test_a_contestant_without_its_package_is_a_skipped_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def never() -> float:
        raise AssertionError

    peers = [Contestant("ours", lambda: 2.0), Contestant("peer", never, package=ABSENT)]
    timings = timing.compete(peers, rounds=3)
    assert timings[1] == Timing("peer", (), missing=ABSENT)
    timing.report(tmp_path / "result.json", timings, "ours", {"reviews": 7}, {"cpu": "a model"})
    assert f"peer  skipped: {ABSENT} is not installed" in capsys.readouterr().out.splitlines()
    assert json.loads((tmp_path / "result.json").read_text()) == {
        "reviews": 7,
        "machine": {"cpu": "a model"},
        "reference": "ours",
        "contestants": [
            {"name": "ours", "seconds": [2.0, 2.0, 2.0], "ratio": {"median": 1.0, "low": 1.0, "high": 1.0}},
            {"name": "peer", "skipped": f"{ABSENT} is not installed"},
        ],
    }


def test_the_clock_stops_before_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.perf_counter", lambda: now)

    def spend(seconds: float) -> None:
        nonlocal now
        now += seconds

    assert timing.clock(lambda: spend(2.0), check=lambda _: spend(5.0))() == 2.0
    assert now == 7.0


def test_the_machine_is_described_without_its_name() -> None:
    described = timing.machine(1, ["numpy", ABSENT])
    assert described.keys() == {"cpu", "cores", "of", "python", "numpy"}
    assert described["numpy"] == np.__version__


TEXTS = ["a b a c", "", "b  a d\u00a0a", "e f c a"]  # a 5 times, b and c twice, d, e and f once


def test_the_text_contestants_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "SIZE", 4)
    ours = text.this_project([pa.array(TEXTS)])
    assert ours.tokens == ["a", "b", "c", "d"]
    assert ours.ids is not None
    assert ours.ids.tolist() == [2, 3, 2, 4, 3, 2, 5, 2, 1, 1, 4, 2]
    for each in text.contestants(TEXTS, tmp_path):
        if not each.package:
            assert each.measure() > 0


def test_a_text_contestant_that_errs_is_found_out() -> None:
    ours = text.this_project([pa.array(TEXTS)])
    assert ours.ids is not None
    with pytest.raises(AssertionError):
        text.check(text.Encoded(ours.tokens, ours.counts, np.where(ours.ids == 2, 3, ours.ids)), ours)
    with pytest.raises(AssertionError):
        text.check(text.Encoded(["b", "a", *ours.tokens[2:]], ours.counts[[1, 0, 2, 3, 4, 5]], ours.ids), ours)
    with pytest.raises(AssertionError):
        text.check(text.Encoded(["z", *ours.tokens[1:]], ours.counts, ours.ids), ours)


@pytest.mark.parametrize("module", ["benchmarks.text", "benchmarks.pipeline", "benchmarks.data_stages"])
def test_a_corpus_that_is_not_imdb_is_refused_in_one_line(module: str, command: Command) -> None:
    for given in ("nowhere.tar.gz", "data/sample/reviews.csv"):
        done = command(module, given)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(f"error: '{given}': not an archive or folder of .*; give aclImdb.*\n", done.stderr)


def test_no_result_holds_a_path() -> None:
    for result in corpora.RESULTS.glob("*.json"):
        assert not re.search(r'"[^"]*(/\w+/|\\)[^"]*"', result.read_text(encoding="utf-8")), result


@pytest.mark.pipeline
@pytest.mark.slow
def test_the_seconds_of_a_run_are_divided_among_its_stages(clone: Clone) -> None:
    pipeline_file = clone.path / paths.PIPELINE
    content = read_yaml(pipeline_file)
    content["stages"] = {name: content["stages"][name] for name in ("check", "train")}
    write_yaml(pipeline_file, content)
    clone.set("train.clip_norm", 0.9)
    start, stages = pipeline.reproduce(clone.path)
    assert [stage.name for stage in stages] == ["check", "train"]
    assert start > 0
    for stage in stages:
        assert min(stage.imports, stage.own, stage.dvc) > 0, stage
    check, train = stages
    assert train.imports > 2 * check.imports  # torch, which is imported inside a function


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(workspace: Path) -> None:
    """The stages as commands, on the sample corpus repeated: four times the rows, the same peak of memory."""
    prepared.write_params()
    data_stages.measure("ingest")
    shutil.move(paths.REVIEWS.train.parent, "once")
    peaks: dict[str, list[float]] = {}
    for copies in (15, 60):
        for path in paths.REVIEWS:
            data_stages.repeat(Path("once", path.name), path, copies)
        for stage in data_stages.STAGES:
            peaks.setdefault(stage, []).append(data_stages.measure(stage)[1])
    for stage, (small, large) in peaks.items():
        assert large < 1.15 * small, stage
