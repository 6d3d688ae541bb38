"""The pipeline under DVC, in clones: it repeats itself byte for byte, it can be shared, and a mistake loses nothing."""

import csv
import fcntl
import json
import os
import re
import shutil
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import sentiment
from sentiment.config.yaml_file import read_yaml, write_yaml
from sentiment.io.json_file import read_json
from tests.support.clone import SAMPLE, STAGES, Clone, imdb_folder, state
from tests.support.imports import ROOT
from tests.support.processes import wait_for_queue

pytestmark = pytest.mark.pipeline


def test_a_second_run_has_nothing_to_do(clone: Clone) -> None:
    before = state(clone)
    done = clone.sentiment("repro")
    assert "Running stage" not in done.stdout
    assert [line for line in done.stdout.splitlines() if "didn't change, skipping" in line] == [
        f"Stage '{stage}' didn't change, skipping" for stage in STAGES
    ]
    assert "Test accuracy" in done.stdout
    assert state(clone) == before
    assert clone.git("status", "--porcelain") == ""


def test_the_plots_are_drawn_into_a_page_that_needs_no_network(clone: Clone) -> None:
    assert clone.sentiment("plots").stdout == "dvc_plots/index.html\n"
    page = (clone.path / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/", "").replace("http-equiv", "")  # names, never loaded
    drawn = dict(re.findall(r'<svg[^>]*aria-label="([^"]*)"[^>]*>(.*?)</svg>', page, re.DOTALL))
    assert len(drawn) == 12  # without the states of an analysis, which the small clone does not make
    for name in ("ROC curve", "Precision and recall", "Calibration"):
        assert {"network", "baseline"} <= set(re.findall(r">(\w+)</text>", drawn[name]))
    assert "No automaton gives the reviews their labels." in drawn["metrics/plots/language.svg of workspace"]


@pytest.mark.parametrize(
    "folder, table",
    [
        ("classifier", "data/predictions.parquet"),
        ("baseline", "data/baseline/test.parquet"),
        ("stacked", "data/stacked.parquet"),
    ],
)
def test_a_model_folder_alone_predicts_what_the_pipeline_did(
    reproduced: Clone, tmp_path: Path, folder: str, table: str
) -> None:
    shutil.copytree(reproduced.path / "models" / folder, tmp_path / "model")
    texts = pq.read_table(reproduced.path / "data/reviews/test.parquet")["text"].to_pylist()
    found = [prediction.probability for prediction in sentiment.load(tmp_path / "model").predict(texts)]
    assert found == pq.read_table(reproduced.path / table)["probability"].to_pylist()


@pytest.mark.slow
def test_a_clone_elsewhere_makes_the_same_bytes(clone: Clone, tmp_path: Path) -> None:
    """In another path, time zone and locale, with other hashes of strings and another order of files in a folder."""
    other = clone.copy(tmp_path / "path with spaces" / ("x" * 50 + "clone"))
    backwards = tmp_path / "backwards"
    backwards.mkdir()
    (backwards / "sitecustomize.py").write_text(
        "import os\nlistdir = os.listdir\nos.listdir = lambda *words: sorted(listdir(*words), reverse=True)\n",
        encoding="utf-8",
    )
    other.env = {"PYTHONHASHSEED": "2", "TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONPATH": str(backwards)}
    assert "Test accuracy" in other.python("-m", "dvc", "repro").stdout
    assert state(other) == state(clone)
    for each in (clone, other):  # a source whose files are listed, too
        imdb_folder(each, each.path / "data/imdb")
        each.set("ingest.source", "data/imdb")
        each.python("-m", "stages.ingest")
    assert state(other) == state(clone)


def test_the_archive_and_its_folder_are_the_same_corpus(clone: Clone, tmp_path: Path) -> None:
    folder = imdb_folder(clone, tmp_path / "aclImdb")
    archive = tmp_path / "reviews.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, "aclImdb")
    found = []
    for source in (folder, archive):
        clone.set("ingest.source", str(source))
        clone.stage("ingest")
        corpus = read_json(clone.path / "metrics/corpus.json")
        assert corpus.pop("source") == source.name  # where it lies is a matter of this machine
        found.append(
            (corpus, {name: digest for name, digest in clone.hashes().items() if name != "metrics/corpus.json"})
        )
    assert found[0] == found[1]


MISTAKES = [
    ("train.epochs", 0, "error: params.yaml: train.epochs: 0 is refused: input should be greater than"),
    ("count_vocab.min_count", 1000000, "error: data/tokens/train.parquet: no token occurs count_vocab.min_count"),
    ("model.nonlinearity", "relu", "error: training diverged in epoch"),
    ("model.cell", "grru", "error: params.yaml: model.cell: 'grru' is not one of rnn, gru, lstm"),
    ("ingest.source", "data/missing.csv", "error: ingest.source: 'data/missing.csv' does not exist"),
    ("ingest.source", "../outside.csv", "error: ingest.source: '../outside.csv' leaves the repository"),
    ("ingest.text_column", "body", "error: data/sample/reviews.csv: no column 'body' among 'text', 'label'"),
    ("compute.device", "mps", "error: device 'mps' is not on this machine; set compute.device to auto or cpu"),
]


@pytest.mark.parametrize(
    "how, key, value, expected",
    [*(("make repro", *mistake) for mistake in MISTAKES), *(("dvc repro", *mistake) for mistake in MISTAKES[:2])],
)
def test_a_mistake_is_one_line_and_loses_nothing(
    clone: Clone, how: str, key: str, value: object, expected: str
) -> None:
    before = state(clone)
    clone.set(key, value)
    if key == "model.nonlinearity":  # a state that nothing bounds, and steps that are far too long
        clone.set("train.learning_rate", 1000)
        clone.set("train.precision", "float32")  # in float64 there is room for all of these steps
    done = clone.sentiment("repro", check=False) if how == "make repro" else clone.dvc("repro", check=False)
    assert done.returncode != 0
    assert len([line for line in done.stderr.splitlines() if line.startswith(expected)]) == 1, done.stderr
    assert "Traceback" not in done.stderr
    if how == "dvc repro":  # it records what did run; and what was found late is brought back by hand
        clone.git("checkout", "dvc.lock", "metrics")
    if how == "dvc repro" and key == "count_vocab.min_count":
        clone.dvc("checkout", "dvc.yaml")
    assert state(clone) == before


@pytest.mark.parametrize(
    "content, expected",
    [
        ("", "empty"),
        ("text,label\n", "each split needs every class"),
        ("text,label\ngood,1\nbad,\n", "1 row without a text or a label: 2 (label); complete it"),
    ],
)
def test_a_bad_source_loses_nothing(clone: Clone, content: str, expected: str) -> None:
    before = {name: value for name, value in state(clone).items() if name != str(SAMPLE)}
    (clone.path / SAMPLE).write_text(content, encoding="utf-8")
    done = clone.dvc("repro", check=False)
    assert done.returncode != 0
    assert expected in done.stderr
    assert {name: value for name, value in state(clone).items() if name != str(SAMPLE)} == before


@pytest.mark.slow
def test_a_mapping_of_labels_is_a_parameter_like_any_other(clone: Clone) -> None:
    sample = clone.path / SAMPLE
    text = sample.read_text(encoding="utf-8")
    sample.write_text(text.replace(",negative", ",0").replace(",positive", ",1"), encoding="utf-8")
    clone.dvc("exp", "run", "--name", "named", "--set-param", "ingest.labels={0: bad, 1: good}", "ingest")
    assert read_json(clone.path / "data/reviews/classes.json") == {"names": ["bad", "good"]}
    assert clone.recorded()["ingest"]["params"]["params.yaml"]["ingest"]["labels"] == {0: "bad", 1: "good"}
    assert "ingest.labels.0" in clone.dvc("exp", "show", "--csv").stdout
    assert clone.dvc("status", "ingest").stdout == "Data and pipelines are up to date.\n"


def test_a_vocabulary_that_the_model_does_not_know_is_refused(clone: Clone) -> None:
    path = clone.path / "data/vocab.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("the,", "teh,", 1), encoding="utf-8")
    done = clone.stage("train", check=False)
    assert done.returncode == 2
    assert done.stderr == ("error: data/vocab.csv: not the vocabulary that made the ids; run `dvc repro encode`\n")


@pytest.mark.slow
def test_a_changed_parameter_runs_only_the_stages_that_read_it(clone: Clone) -> None:
    """And a run that was made before is taken from DVC's cache."""

    def run() -> tuple[set[str], list[str]]:
        """Return the stages that DVC runs, and those that it takes from its cache."""
        lines = clone.dvc("repro").stdout.splitlines()
        ran = {line.split("'")[1] for line in lines if line.startswith("Running stage")}
        return ran, [line.split("'")[1] for line in lines if "is cached - skipping run" in line]

    before = state(clone)
    clone.set("compute.threads", 2)
    clone.set("compute.workers", 1)
    assert run() == ({"check"}, [])
    assert state(clone) | {"dvc.lock": ""} == before | {"dvc.lock": ""}
    clone.set("tokenize.lowercase", True)
    assert set(json.loads(clone.dvc("status", "--json").stdout)) == {"check", "tokenize", "report"}  # which lists it
    clone.set("tokenize.lowercase", False)
    clone.set("evaluate.threshold", 0.4)
    assert run() == ({"check", "evaluate", "report"}, [])
    clone.git("checkout", "params.yaml")
    assert run() == ({"check"}, ["evaluate", "report"])
    assert state(clone) == before
    (clone.path / "dvc.lock").unlink()
    assert run() == ({"check", "ingest"}, STAGES[2:])  # DVC keeps no runs of stages whose outputs persist
    assert clone.hashes() == {path: digest for path, digest in before.items() if path != "dvc.lock"}


@pytest.mark.parametrize(
    "file, stale",
    [
        ("stages/encode.py", {"encode"}),
        ("sentiment/evaluation/metrics.py", {"evaluate", "analyze", "probe", "report"}),
        ("sentiment/nn/kernels/new.py", {"pretrain", "train", "evaluate", "analyze", "probe", "report"}),
        ("sentiment/data/new.py", set(STAGES) - {"check"}),
    ],
)
def test_dvc_status_names_every_stage_that_can_load_an_edited_or_new_module(
    clone: Clone, file: str, stale: set[str]
) -> None:
    with (clone.path / file).open("a", encoding="utf-8") as stream:
        stream.write("# A change.\n")
    assert set(json.loads(clone.dvc("status", "--json").stdout)) == stale | {"check"}


@pytest.mark.slow
def test_experiments_are_queued_run_and_compared(clone: Clone, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere" / "reviews.csv"
    outside.parent.mkdir()
    outside.write_bytes((clone.path / SAMPLE).read_bytes())
    clone.dvc("exp", "run", "--name", "gru", "--set-param", "model.cell=gru")
    clone.git("checkout", "--force", ".")
    clone.dvc("checkout")
    changes = ["--set-param", "evaluate.threshold=0.4,0.6", "--set-param", f"ingest.source={outside}"]
    clone.dvc("exp", "run", "--queue", "--name", "queued", *changes)
    clone.dvc("queue", "remove", "queued-2")  # one is enough to run
    clone.dvc("queue", "start")
    wait_for_queue(clone, 1)
    table = {
        row["Experiment"] or row["rev"]: row
        for row in csv.DictReader(clone.dvc("exp", "show", "--csv", "--no-pager").stdout.splitlines())
    }
    assert {"gru", "queued-1"} <= set(table)
    assert [table[name]["model.cell"] for name in ("gru", "queued-1")] == ["gru", "rnn"]
    assert [table[name]["evaluate.threshold"] for name in ("gru", "queued-1")] == ["0.5", "0.4"]
    for name in ("gru", "queued-1"):
        assert 0 <= float(table[name]["accuracy"]) <= 1
        assert float(table[name]["tokens_per_second"]) > 0
        assert table[name]["device"].startswith("cpu")
    # The corpus is the same file elsewhere, so the numbers are the same.
    assert table["queued-1"]["roc_auc"] == table["main"]["roc_auc"]
    assert table["queued-1"]["train_loss"] == table["main"]["train_loss"]
    difference = json.loads(clone.dvc("params", "diff", "--json", "main", "gru").stdout)
    assert difference == {"params.yaml": {"model.cell": {"old": "rnn", "new": "gru"}}}
    plots = json.loads(clone.dvc("plots", "diff", "--json", "main", "gru").stdout)["data"]
    for empty in ("metrics/plots/quantized.csv", "metrics/plots/counter.csv", "counter"):
        del plots[empty]  # without rows, since the small clone makes no analysis
    pictures = [plots.pop(f"metrics/plots/{name}.svg") for name in ("automaton", "language")]
    assert [part["revisions"] for picture in pictures for part in picture] == [["main"], ["gru"]] * 2
    curves = {"roc", "precision_recall", "calibration", "length"}
    files = {f"metrics/plots/{name}.csv" for name in ("classes", "confusion", *curves)}
    assert set(plots) == {"loss", "saturation", "norm", "metrics/history.csv", *files}
    for name, plot in plots.items():
        assert set(sum((part["revisions"] for part in plot), [])) == {"main", "gru"}, name
        assert all("<DVC_METRIC" not in json.dumps(part["content"]) for part in plot), name

    printed = clone.sentiment("compare", "gru", "workspace").stdout
    assert "McNemar's exact p" in printed
    written = json.loads((clone.path / "comparison/metrics.json").read_text(encoding="utf-8"))
    test = json.loads((clone.path / "metrics/test.json").read_text(encoding="utf-8"))
    for name, columns in written["metrics"].items():
        assert columns["b"]["value"] == pytest.approx(test[name], abs=1e-6), name
    with (clone.path / "comparison/reviews.csv").open(encoding="utf-8", newline="") as stream:
        changed = list(csv.DictReader(stream))
    assert len(changed) == test["reviews"]
    assert all(row["text"] for row in changed)
    clone.sentiment("compare", "HEAD:baseline", "gru", "--output", "elsewhere")
    baseline = json.loads((clone.path / "metrics/baseline.json").read_text(encoding="utf-8"))["baseline"]
    written = json.loads((clone.path / "elsewhere/metrics.json").read_text(encoding="utf-8"))
    assert written["metrics"]["accuracy"]["a"]["value"] == pytest.approx(baseline["accuracy"])


def test_a_relative_source_outside_is_refused_in_an_experiment_too(clone: Clone) -> None:
    done = clone.dvc("exp", "run", "--temp", "--set-param", "ingest.source=../reviews.csv", check=False)
    assert done.returncode != 0
    assert "leaves the repository; give its absolute path" in done.stdout + done.stderr


@pytest.mark.slow
def test_a_source_that_dvc_tracks_is_there_in_the_queue(clone: Clone) -> None:
    mine = clone.path / "data/mine.csv"
    mine.write_bytes((clone.path / SAMPLE).read_bytes())
    clone.dvc("add", "data/mine.csv")
    clone.commit("My reviews")
    clone.dvc("exp", "run", "--temp", "--name", "mine", "--set-param", "ingest.source=data/mine.csv", "ingest")
    table = clone.dvc("exp", "show", "--csv", "--no-pager").stdout
    assert any("mine" in line and ",data/mine.csv," in line for line in table.splitlines())


@pytest.mark.slow
def test_files_of_the_user_that_dvc_tracks_are_left_alone(clone: Clone) -> None:
    mine = clone.path / "data/mine.csv"
    mine.write_text("text,label\ngood,1\n", encoding="utf-8")
    clone.dvc("add", "data/mine.csv")
    mine.unlink()  # DVC may have made it a link to its cache
    mine.write_text("text,label\nbetter,1\n", encoding="utf-8")
    clone.set("count_vocab.min_count", 1000000)
    done = clone.sentiment("repro", check=False)
    assert "The outputs of the last run are in place" in done.stderr
    assert mine.read_text(encoding="utf-8") == "text,label\nbetter,1\n"


@pytest.mark.slow
def test_dvc_may_be_called_from_another_folder_or_as_a_library(clone: Clone) -> None:
    clone.set("compute.threads", 2)
    Clone(clone.path / "docs").dvc("repro", "../dvc.yaml")
    assert clone.dvc("status").stdout == "Data and pipelines are up to date.\n"
    clone.set("compute.threads", 3)
    clone.python("-c", "from dvc.repo import Repo; Repo().reproduce()")
    assert clone.dvc("status").stdout == "Data and pipelines are up to date.\n"
    clone.env["DVC_STAGE"] = "elsewhere"
    done = clone.stage("check", check=False)
    assert (done.returncode, done.stderr) == (
        2, "error: DVC_STAGE: 'elsewhere' is not a stage in dvc.yaml; unset it to run one by hand\n"
    )  # fmt: skip
    clone.sentiment("repro")  # a stage of another project may call it
    clone.env["DVC_STAGE"] = "encode"
    before = state(clone)
    for note in ("", "{}", None):
        if note is not None:
            (clone.path / ".dvc/tmp/rwlock").write_text(note, encoding="utf-8")
        else:
            (clone.path / ".dvc/tmp/rwlock").unlink()
        done = clone.stage("encode", check=False)
        assert done.returncode == 2
        assert done.stderr == (
            "error: .dvc/tmp/rwlock: notes no running dvc that writes the outputs of encode; run `dvc repro` again, "
            "or unset DVC_STAGE to run a stage by hand\n"
        )
    assert state(clone) == before


def test_a_second_make_repro_leaves_the_first_alone(clone: Clone) -> None:
    before = state(clone)
    with (clone.path / ".dvc/tmp/pipeline.lock").open("a") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)  # a stage is running, for hours perhaps
        clone.stage("check")
        done = clone.sentiment("repro", check=False)
    assert (done.returncode, done.stderr) == (
        2, "error: .dvc/tmp/pipeline.lock: another run or stage is active in this folder; wait for its end\n"
    )  # fmt: skip
    writing = {"write": {"models/classifier": {"pid": os.getpid(), "cmd": "dvc repro"}}, "read": {}}
    (clone.path / ".dvc/tmp/rwlock").write_text(json.dumps(writing), encoding="utf-8")
    done = clone.sentiment("repro", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: DVC is running a stage here, as process {os.getpid()}")
    (clone.path / ".dvc/tmp/rwlock").unlink()
    assert state(clone) == before


@pytest.fixture
def checking(clone: Clone) -> Clone:
    """A clone whose pipeline has one stage, `check`: an experiment takes the committed figures for its own."""
    pipeline = read_yaml(clone.path / "dvc.yaml")
    files = [next(iter(metric)) for stage in pipeline["stages"].values() for metric in stage.get("metrics", [])]
    kept = {"stages": {"check": pipeline["stages"]["check"]}, "metrics": [*pipeline["metrics"], *files]}
    write_yaml(clone.path / "dvc.yaml", kept)
    clone.commit("The parameters alone")
    return clone


@pytest.mark.slow
def test_the_recipe_for_the_lecture_s_ideas_compares_them(checking: Clone) -> None:
    checking.env["IDEAS"] = "logistic|transformer"
    printed = checking.run("bash", "runs/ideas.sh", "-S", "train.epochs=1").stdout
    rows = {row["Experiment"]: row for row in csv.DictReader(printed.splitlines())}
    assert set(rows) == {"idea-logistic", "idea-transformer"}
    changed = json.loads(checking.dvc("params", "diff", "--json", *sorted(rows)).stdout)["params.yaml"]
    assert {"model.nonlinearity", "model.encoder"} <= set(changed)


@pytest.mark.slow
def test_the_recipe_for_imdb_tries_a_network_with_three_seeds(checking: Clone) -> None:
    checking.env["IMDB"] = "plain"
    printed = checking.run("bash", "runs/imdb.sh", str(checking.path / SAMPLE), "-S", "train.epochs=1").stdout
    rows = {row["Experiment"]: row for row in csv.DictReader(printed.splitlines())}
    assert {name: row["train.seed"] for name, row in rows.items()} == {
        f"imdb-plain-{seed}": str(seed) for seed in (1, 2, 3)
    }
    with (ROOT / "benchmarks/results/imdb.csv").open(encoding="utf-8", newline="") as stream:
        assert set(csv.DictReader(stream).fieldnames or ()) == set(rows["imdb-plain-1"])


@pytest.mark.slow
def test_the_baseline_can_be_switched_off(clone: Clone) -> None:
    clone.set("baseline.features", "none")
    for stage in ("baseline", "evaluate"):
        clone.stage(stage)
    for name in ("baseline", "stacked"):
        assert json.loads((clone.path / f"metrics/{name}.json").read_text(encoding="utf-8")) == {name: {}}
        refused = clone.sentiment("compare", f"workspace:{name}", "workspace", check=False)
        assert refused.stderr.startswith(f"error: 'workspace:{name}': has no baseline; run it with baseline.features")
        refused = clone.sentiment("predict", "--model", name, "A film.", check=False)
        assert refused.stderr.startswith(f"error: models/{name}: the run had no baseline; run it with")
    assert "Baseline" not in clone.sentiment("summary").stdout


@pytest.mark.parametrize(
    "words, expected",
    [
        (["nobody", "workspace"], "'nobody'"),
        (["HEAD:lstm", "workspace"], "'HEAD:lstm': "),
        (["HEAD~1", "workspace"], "'HEAD~1': data/predictions.parquet is not there"),
        (["HEAD"], "`sentiment compare --help` explains the options"),
    ],
)
def test_a_run_that_cannot_be_compared_is_one_line(clone: Clone, words: list[str], expected: str) -> None:
    done = clone.sentiment("compare", *words, check=False)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (clone.path / "comparison").exists()


@pytest.mark.slow
def test_what_is_learned_does_not_depend_on_the_labels_of_the_test_split(clone: Clone, tmp_path: Path) -> None:
    learned: list[dict[str, object]] = []
    for name in ("as-they-are", "the-other-way-round"):
        folder = imdb_folder(clone, tmp_path / name / "aclImdb")
        if learned:
            (folder / "test/neg").rename(folder / "test/neutral")
            (folder / "test/pos").rename(folder / "test/neg")
            (folder / "test/neutral").rename(folder / "test/pos")
        clone.set("ingest.source", str(folder))
        for stage in STAGES:
            clone.stage(stage)
        weights = json.loads((clone.path / "metrics/stacked.json").read_text(encoding="utf-8"))["stacked"]
        found: dict[str, object] = {key: value for key, value in weights.items() if key.startswith("weight_of")}
        found |= {
            path: value
            for path, value in clone.hashes().items()
            if path.startswith("models/") or path in ("data/vocab.csv", "data/baseline/valid.parquet")
        }
        for path in ("data/predictions.parquet", "data/baseline/test.parquet", "data/stacked.parquet"):
            rows = pq.read_table(clone.path / path).to_pylist()
            found[path] = {Path(row["id"]).name: row["probability"] for row in rows}
        learned.append(found)
    assert len(learned[0]) == 18
    assert learned[0] == learned[1]


def test_the_model_is_an_artifact(clone: Clone) -> None:
    clone.git("tag", "--annotate", "classifier@v1.0.0", "--message", "A version of the model")
    code = "import dvc.api, json; print(json.dumps(dvc.api.artifacts_show('classifier')))"
    found = json.loads(clone.python("-c", code).stdout)
    assert found["path"] == "models/classifier"
