"""Prediction from the command line: texts, CSV, TSV and JSONL, in the input's order, whole or not at all."""

import csv
import gzip
import io
import json
import os
import pty
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sentiment
from sentiment.cli.main import call
from sentiment.cli.predict import chunks
from sentiment.config import paths
from sentiment.data import sources
from sentiment.data.classes import Classes
from sentiment.errors import InputError, printable
from sentiment.evaluation.stacking import StackedClassifier
from sentiment.inference import checkpoint
from sentiment.io.json_file import write_json
from tests.conftest import Command
from tests.support.checkpoints import TEXTS, example, example_baseline
from tests.support.imports import ROOT

ROWS = [{"id": str(number), "review": text, "note": 'a "b", c'} for number, text in enumerate(TEXTS * 700)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "classifier"
    checkpoint.save(folder, example(), seed=1, epoch=2)
    return str(folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all three models."""
    root = tmp_path_factory.mktemp("project")
    network, baseline = root / paths.MODEL, root / paths.BASELINE_MODEL
    checkpoint.save(network, example(), seed=1, epoch=2)
    baseline.mkdir()
    example_baseline().save(baseline)
    StackedClassifier((0.5, 2.0), [0.0, 0.1]).save(root / paths.STACKED_MODEL, network, baseline)
    return root


def csv_bytes(delimiter: str = ",") -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(ROWS[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return stream.getvalue().encode()


def jsonl_bytes() -> bytes:
    return "".join(json.dumps(row | {"more": [1, {"a": None}]}) + "\n" for row in ROWS).encode()


def test_texts_get_a_label_and_a_probability(command: Command, model: str) -> None:
    done = command("sentiment", "predict", "--model", model, *TEXTS[:3])
    assert done.returncode == 0, done.stderr
    lines = [line.split("  ", 2) for line in done.stdout.splitlines()]
    assert [line[2] for line in lines] == TEXTS[:3]
    for word, probability, _ in lines:
        assert word == ("positive" if float(probability) >= 0.5 else "negative")


def test_baseline_and_stacked_predict_too(command: Command, project: Path) -> None:
    probability = {}
    for model in ("network", "baseline", "stacked", "models/stacked"):
        done = command("sentiment", "predict", "--model", model, "good film", cwd=project)
        assert done.returncode == 0, done.stderr
        probability[model] = float(done.stdout.split()[1])
    one, other = (np.log(p / (1 - p)) for p in (probability["network"], probability["baseline"]))
    assert probability["stacked"] == probability["models/stacked"]
    assert probability["stacked"] == pytest.approx(1 / (1 + np.exp(-0.5 * one - 2 * other - 0.1)), abs=2e-4)
    about = command("sentiment", "predict", "--model", "stacked", "--about", cwd=project).stdout.splitlines()
    assert about[0] == "models/stacked was trained on 7 reviews of reviews.csv and knows 4 words."
    assert about[1] == "Stacked: 0.50 times the log-probabilities of the network, 2.00 times the baseline's."
    assert [line.split(":")[0] for line in about[2:]] == ["Network", "Baseline", "Classes"]
    assert about[3] == "Baseline: linear in 4 n-grams of at most 2 words."


def test_the_baseline_needs_no_torch(project: Path) -> None:
    code = "import sentiment, sys; sentiment.load(sys.argv[1]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, project / paths.BASELINE_MODEL], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"kind": "none"}, "the run had no baseline; run it with baseline.features other than none"),
        ({"kind": "x"}, "unknown kind of model"),
        ({"kind": "stacked", "intercepts": [0.0]}, "weight_of_network: missing"),
        ({"kind": "baseline"}, "features: missing"),
    ],
)
def test_a_folder_that_holds_no_model_is_named(tmp_path: Path, settings: dict[str, object], expected: str) -> None:
    write_json(tmp_path / "settings.json", settings)
    with pytest.raises(InputError, match=expected):
        sentiment.load(tmp_path)


def test_a_stacked_model_of_other_classes_is_refused(project: Path, tmp_path: Path) -> None:
    three = tmp_path / "three"
    checkpoint.save(three, example(classes=Classes(names=["1", "2", "3"])), seed=1, epoch=2)
    StackedClassifier((0.5, 2.0), [0.0, 0.1]).save(tmp_path / "stacked", three, project / paths.BASELINE_MODEL)
    with pytest.raises(InputError, match="network and baseline have other classes"):
        sentiment.load(tmp_path / "stacked")


def test_a_file_keeps_its_rows_their_order_and_its_columns(command: Command, model: str, tmp_path: Path) -> None:
    found = {}
    files = {"r.csv": csv_bytes(), "r.tsv": csv_bytes("\t"), "r.jsonl": jsonl_bytes()}
    for name, content in (files | {"r.csv.gz": gzip.compress(csv_bytes())}).items():
        (tmp_path / name).write_bytes(content)
        done = command("sentiment", "predict", "--model", model, "--file", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        assert done.stderr.startswith("warning: most words of 700 of 2,800 texts")
        assert len(done.stderr.splitlines()) == 1  # no progress in the first half minute
        if name.endswith("jsonl"):
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            assert all(row.pop("more") == [1, {"a": None}] for row in rows)
        else:
            rows = list(csv.DictReader(io.StringIO(done.stdout), delimiter="\t" if name == "r.tsv" else ","))
        found[name] = [(row.pop("predicted"), float(row.pop("probability")), float(row.pop("unknown"))) for row in rows]
        assert rows == ROWS
    assert found["r.csv"] == found["r.tsv"] == found["r.jsonl"] == found["r.csv.gz"]
    assert len(set(found["r.csv"])) == 4
    assert found["r.csv"][:4] * 700 == found["r.csv"]


def test_texts_that_the_model_does_not_know_are_counted_in_a_warning(command: Command, model: str) -> None:
    one = command("sentiment", "predict", "--model", model, "What a waste.")
    assert one.stderr == (
        "warning: most words of this text are unknown to this model; it was trained on 7 reviews of reviews.csv and "
        "knows 4 words; train on reviews like yours\n"
    )
    known, unknown = "good bad good bad, ", "good bad what waste."
    content = f'text\n"{known}"\n"{unknown}"\n""\nwaste\n'.encode()
    file = command("sentiment", "predict", "--model", model, "--file", "-", "--format", "csv", stdin=content)
    assert "most words of 2 of 4 texts are unknown" in file.stderr
    shares = [float(row["unknown"]) for row in csv.DictReader(io.StringIO(file.stdout))]
    assert shares == [0.2, 0.6, 0, 1]  # by hand: "," and "what", "waste", "." are no words of the vocabulary


def test_a_model_says_what_it_learned_from(command: Command, model: str) -> None:
    done = command("sentiment", "predict", "--model", model, "--about")
    assert (done.returncode, done.stderr) == (0, "")
    first, second, third = done.stdout.splitlines()
    assert first == f"{model} was trained on 7 reviews of reviews.csv and knows 4 words."
    assert second.startswith("Network: lstm with ")
    assert second.endswith(" parameters, which reads 6 tokens of a text.")
    assert third == "Classes: negative, positive."


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of three classes, whose names are as a file may have them."""
    folder = tmp_path_factory.mktemp("models") / "three"
    checkpoint.save(folder, example(classes=Classes(names=["bad", "so, so", "good\x1b"])), seed=1, epoch=2)
    return str(folder)


def test_of_more_classes_each_has_a_column(command: Command, three: str) -> None:
    """The same in both formats; the label is that of the highest probability."""
    words = ("sentiment", "predict", "--model", three, "--file", "-", "--format")
    as_csv, as_jsonl = (
        command(*words, format_, stdin=b"".join(content.splitlines(keepends=True)[:5]))
        for format_, content in (("csv", csv_bytes()), ("jsonl", jsonl_bytes()))
    )
    assert (as_csv.returncode, as_jsonl.returncode) == (0, 0), as_csv.stderr + as_jsonl.stderr
    added = ["predicted", "probability_bad", "probability_so, so", "probability_good\x1b", "unknown"]
    rows = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    assert list(rows[0]) == [*ROWS[0], *added]
    for row, line in zip(rows, as_jsonl.stdout.splitlines()[:4], strict=True):
        assert [row[name] for name in added] == [str(json.loads(line)[name]) for name in added]
        probability = {name.removeprefix("probability_"): float(row[name]) for name in added[1:4]}
        assert sum(probability.values()) == pytest.approx(1, abs=2e-6)
        assert row["predicted"] == max(probability, key=lambda name: probability[name])
    assert len({row["probability_bad"] for row in rows}) == 4


def test_of_more_classes_the_text_has_the_probability_of_its_label(command: Command, three: str) -> None:
    [expected] = sentiment.load(three).predict(TEXTS[:1])
    done = command("sentiment", "predict", "--model", three, TEXTS[0])
    assert done.stdout == f"{printable(expected.label)}  {expected.probability:.4f}  {TEXTS[0]}\n"
    about = command("sentiment", "predict", "--model", three, "--about")
    assert about.stdout.splitlines()[2] == "Classes: bad, so, so, good\\x1b."


@pytest.mark.parametrize(
    "words, content, expected",
    [
        (["--threshold", "0.5", "text"], b"", "--threshold is for two classes, and {} has 3; leave it out"),
        (["--file", "-", "--format", "csv"], b"text,probability_bad\n", "-: already has a column 'probability_bad'"),
    ],
)
def test_what_more_classes_rule_out_is_one_line(
    command: Command, three: str, words: list[str], content: bytes, expected: str
) -> None:
    done = command("sentiment", "predict", "--model", three, *words, stdin=content)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {expected.format(three)}")
    assert len(done.stderr.splitlines()) == 1


def test_a_pipe_is_read_as_a_file(command: Command, model: str) -> None:
    words = ["--model", model, "--file", "/dev/stdin", "--format", "csv"]
    done = command("sentiment", "predict", *words, stdin=b"text\ngood\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("text,predicted,probability,unknown\ngood,")


@pytest.mark.parametrize("stream, name", [("stdin", "-: standard input"), ("stdout", "standard output")])
def test_a_closed_stream_is_refused(monkeypatch: pytest.MonkeyPatch, stream: str, name: str) -> None:
    monkeypatch.setattr(sys, stream, None)  # as Python has it
    with pytest.raises(InputError, match=f"{name} is closed; redirect "):
        call(["predict", "--format", "csv", "--file", "-"])


def test_a_format_for_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.csv").touch()
    with pytest.raises(InputError, match="is a folder, whose files' names give their format; leave --format out"):
        call(["predict", "--file", str(tmp_path), "--format", "tsv"])


def test_standard_input_and_an_output_file(command: Command, model: str, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    done = command(
        "sentiment",
        "predict",
        "--model",
        model,
        "--file",
        "-",
        "--format",
        "csv",
        "--output",
        str(output),
        stdin=csv_bytes(),
    )
    assert (done.returncode, done.stdout) == (0, "")
    piped = command("sentiment", "predict", "--model", model, "--file", "-", "--format", "csv", stdin=csv_bytes())
    assert output.read_bytes().decode() == piped.stdout


def test_bytes_outside_the_text_come_out_as_they_came_in(command: Command, model: str, tmp_path: Path) -> None:
    for name, content in {
        "r.csv": b'text,note\ngood,caf\xe9\n,"a\rb ""c"""\n',
        "r.jsonl": b'{"text": "good", "x": ["\\ud800", 0.1]}\n{"x": "caf\xe9", "y": 1e400,"text" : "bad" }\n',
    }.items():
        (tmp_path / name).write_bytes(content)
        output = tmp_path / f"out-{name}"
        done = command(
            "sentiment", "predict", "--model", model, "--file", str(tmp_path / name), "--output", str(output)
        )
        assert done.returncode == 0, done.stderr
        before, after = content.splitlines(), output.read_bytes().splitlines()
        assert len(before) == len(after)
        for old, new in zip(before, after, strict=True):
            assert new.startswith(old.rstrip(b" }")) or old == b',"a'
        if name == "r.jsonl":
            assert b'"text" : "bad", "predicted": "' in after[1]
            assert {"predicted", "probability", "unknown"} <= json.loads(after[0]).keys()


@pytest.mark.slow
def test_a_terminal_obeys_no_review(command: Command, model: str, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("text,note\ngood\x1b[31m,caf\u00e9\n", encoding="utf-8")
    words = [sys.executable, "-m", "sentiment", "predict", "--model", model]
    for given, expected in {
        ("--file", str(path)): b"good\\x1b[31m,caf\xc3\xa9,",
        ("bad\x1b[2J\n",): b"  bad\\x1b[2J\\n\r\n",
    }.items():
        ours, theirs = pty.openpty()
        subprocess.run([*words, *given], cwd=ROOT, stdout=theirs, check=True)
        os.close(theirs)
        printed = os.read(ours, 10000)
        os.close(ours)
        assert expected in printed
        assert b"\x1b[31m" not in printed
        assert b"\x1b[2J" not in printed


def test_a_link_to_the_output_is_followed(command: Command, model: str, tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to("real.csv")
    words = ["--model", model, "--file", "-", "--format", "csv", "--output", str(tmp_path / "link.csv")]
    assert command("sentiment", "predict", *words, stdin=b"text\ngood\n").returncode == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text(encoding="utf-8").startswith("text,predicted,probability,unknown\ngood,")


def test_long_reviews_are_predicted_few_at_a_time() -> None:
    long, short = 2**24 // 3, 10
    texts = ["a" * length for length in [short] * 3000 + [long] * 8 + [short]]
    rows = [(sources.Row(0, "", {}), text) for text in texts]
    found = list(chunks(iter(rows)))
    assert [row for chunk in found for row in chunk] == rows
    assert [len(chunk) for chunk in found] == [2048, 955, 4, 2]


def test_the_threshold_moves_the_label_not_the_probability(command: Command, model: str) -> None:
    low, high = (
        command("sentiment", "predict", "--model", model, "--threshold", value, TEXTS[0]).stdout
        for value in ("0.01", "0.99")
    )
    assert low.startswith("positive")
    assert high.startswith("negative")
    assert low.split()[1] == high.split()[1]


@pytest.mark.parametrize(
    "words, content, expected",
    [
        ([], b"", "give one of texts, --file and --about"),
        (["text", "--file", "r.csv"], b"", "give one of texts, --file and --about"),
        (["--threshold", "2", "text"], b"", "--threshold 2.0 is not between 0 and 1"),
        (["--device", "cuda", "text"], b"", "device 'cuda' is not on this machine; set --device to auto or cpu"),
        (["--model", "nowhere", "text"], b"", "--model nowhere: no such folder; give one, or network"),
        (["--file", "missing.parquet"], b"", "missing.parquet: no such file"),
        (["--file", "-", "--format", "parquet"], b"PAR1", "-: not a readable Parquet file"),
        (["--file", "missing.csv"], b"", "missing.csv: no such file"),
        (["--file", ".", "--format", "csv"], b"", ".: contains no tables; name a file"),
        (["--file", "-"], b"", "-: unknown format; set --format to one of csv, tsv, neg"),
        (["a\udcffb"], b"", "text 1: the text is not valid UTF-8"),
        (["--file", "-", "--format", "csv"], b"", "-: empty"),
        (["--file", "-", "--format", "csv"], b"words\na\n", "no column 'text' or 'review' among 'words'; set --text"),
        (["--file", "-", "--format", "csv"], b"text,predicted\na,b\n", "already has a column 'predicted'; rename it"),
        (["--file", "-", "--format", "csv"], b"text\na\nb\xff\n", "row 2 (line 3): the text is not valid UTF-8"),
        (["--file", "-", "--format", "jsonl"], b'{"text": "a"}\n{"text": null}\n', "row 2: the text is None, not"),
        (["--file", "-", "--format", "jsonl"], b'{"text": "a"}\n{"word": "b"}\n', "row 2: no column 'text' or"),
        (["--file", "-", "--format", "jsonl", "--output", "x.csv"], b"", "is jsonl, like the input; name it .jsonl"),
        (["--file", "-", "--format", "csv", "--output", "x.csv.gz"], b"", "is csv, like the input; name it .csv"),
        (["--file", "-", "--format", "csv", "--output", ""], b"", "--output '.': is a folder; name a file in it"),
        (["--file", "-", "--format", "csv", "--output", "/dev/full"], b"text\n", "/dev/full: is not a regular file"),
        (["--frobnicate"], b"", "unrecognized arguments: --frobnicate"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    command: Command, model: str, words: list[str], content: bytes, expected: str, tmp_path: Path
) -> None:
    if "cuda" in words and __import__("torch").cuda.is_available():
        pytest.skip("there is a CUDA device")
    output = tmp_path / "predicted"
    options = ["--model", model] if "--model" not in words else []
    if "--file" in words and "text" not in words and "--output" not in words:
        output.write_text("from before", encoding="utf-8")
        options += ["--output", str(output)]
    done = command("sentiment", "predict", *options, *words, stdin=content)
    assert done.returncode == 2
    assert done.stdout == ""
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    if output.exists():
        assert [path.name for path in tmp_path.iterdir()] == ["predicted"]
        assert output.read_text(encoding="utf-8") == "from before"


def parquet_table() -> pa.Table:
    """Return rows with columns of many types, in two row groups' worth of dictionaries."""
    count = 3000
    columns = {
        "review": pa.array([TEXTS[number % len(TEXTS)] for number in range(count)], pa.large_string()),
        "stars": pa.array([None if number % 7 == 0 else number % 5 for number in range(count)], pa.int8()),
        "when": pa.array(range(count), pa.timestamp("ms", "UTC")),
        "tags": pa.array([["a"] * (number % 3) for number in range(count)]),
        "kind": pa.array(["film" if number % 2 else "book" for number in range(count)]).dictionary_encode(),
        "more": pa.array([{"price": Decimal(number)} for number in range(count)]),
    }
    return pa.table(columns).replace_schema_metadata({"source": "by hand"})


def test_a_parquet_file_keeps_its_rows_their_order_and_its_columns(
    command: Command, model: str, tmp_path: Path
) -> None:
    pq.write_table(parquet_table(), tmp_path / "r.parquet", row_group_size=1000)
    table = pq.read_table(tmp_path / "r.parquet")
    words = ["--model", model, "--file", str(tmp_path / "r.parquet")]
    done = command("sentiment", "predict", *words, "--output", str(tmp_path / "out.parquet"))
    assert (done.returncode, done.stdout) == (0, "")
    found = pq.read_table(tmp_path / "out.parquet")
    added = ["predicted", "probability", "unknown"]
    assert found.drop_columns(added).equals(table, check_metadata=True)
    assert [str(found.schema.field(name).type) for name in added] == ["string", "double", "double"]
    texts = command("sentiment", "predict", "--model", model, *TEXTS).stdout.splitlines()
    for line, row in zip(texts, found.select(added).to_pylist(), strict=False):
        assert line.startswith(f"{row['predicted']}  {row['probability']:.4f}  ")
    with (tmp_path / "r.parquet").open("rb") as stream:
        content = stream.read()
    for name, given in (("-", content), (str(tmp_path / "r.parquet"), b"")):
        piped = tmp_path / "piped.parquet"
        asked = [*words[:2], "--file", name, "--format", "parquet", "--output", str(piped)]
        assert command("sentiment", "predict", *asked, stdin=given).returncode == 0
        assert pq.read_table(piped).equals(found, check_metadata=True)


def test_parquet_is_written_to_standard_output_but_to_no_terminal(model: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "r.parquet")
    words = [sys.executable, "-m", "sentiment", "predict", "--model", model, "--file", str(tmp_path / "r.parquet")]
    content = subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout
    assert pq.read_table(pa.BufferReader(content)).column_names == ["text", "predicted", "probability", "unknown"]
    ours, theirs = pty.openpty()
    done = subprocess.run(words, cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE, check=False, text=True)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert done.stderr == (
        "error: standard output is a terminal, which cannot show Parquet; give a file with --output\n"
    )


def test_a_parquet_file_of_which_another_column_fills_the_memory_is_refused(
    command: Command, model: str, tmp_path: Path
) -> None:
    path = tmp_path / "r.parquet"
    for column in (
        pa.array([f"{number:07}" + "0" * 2**24 for number in range(5)]),
        pa.array([[None] * 3_000_000] * 5, pa.list_(pa.int8())),
    ):
        pq.write_table(pa.table({"text": ["good"] * 5, "more": column}), path, compression="zstd")
        assert path.stat().st_size < 200_000
        done = command("sentiment", "predict", "--model", model, "--file", str(path), "--output", str(tmp_path / "o"))
        assert done.returncode == 2
        assert "r.parquet: unpacks to more than 67,108,864 bytes, 100 times its size" in done.stderr
        assert not (tmp_path / "o").exists()


def test_files_of_other_dialects_are_predicted_as_they_stand(command: Command, model: str, tmp_path: Path) -> None:
    content = 'good;"a "" caf\u00e9";1\r\nbad;b;0\r\n'.encode("cp1252")
    (tmp_path / "r.csv").write_bytes(content)
    words = ["--file", str(tmp_path / "r.csv"), "--columns", "text,note,label", "--encoding", "cp1252"]
    output = tmp_path / "out.csv"
    done = command("sentiment", "predict", "--model", model, *words, "--output", str(output))
    assert (done.returncode, done.stdout) == (0, "")
    for before, after in zip(content.splitlines(), output.read_bytes().split(b"\r\n"), strict=False):
        assert re.fullmatch(re.escape(before) + rb";(positive|negative);0\.\d+;0\.0", after)


def test_the_parts_in_a_folder_are_predicted_as_one_table(command: Command, model: str, tmp_path: Path) -> None:
    texts = {"part-1": ["good", "bad"], "part-2": ["good bad"]}
    for name, rows in texts.items():
        for folder in ("csv", "parquet", "json"):
            (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / f"csv/{name}.csv").write_text("text\n" + "\n".join(rows) + "\n", encoding="utf-8")
        (tmp_path / f"json/{name}.json").write_text(json.dumps([{"text": text} for text in rows]), encoding="utf-8")
        pq.write_table(pa.table({"text": rows}), tmp_path / f"parquet/{name}.parquet")
    found = {}
    for folder in ("csv", "parquet", "json"):
        output = tmp_path / f"out.{'jsonl' if folder == 'json' else folder}"  # any name of the format will do
        words = ["--file", str(tmp_path / folder), "--output", str(output)]
        done = command("sentiment", "predict", "--model", model, *words)
        assert done.returncode == 0, done.stderr
        read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}[folder]
        found[folder] = read(output).values.tolist()  # type: ignore[operator]
    assert found["csv"] == found["parquet"] == found["json"]
    assert [row[0] for row in found["csv"]] == ["good", "bad", "good bad"]
    (tmp_path / "csv/part-3.csv").write_text("text,more\na,b\n", encoding="utf-8")
    done = command("sentiment", "predict", "--model", model, "--file", str(tmp_path / "csv"))
    assert done.returncode == 2
    assert (
        "part-3.csv: differs from part-1.csv in its columns or its dialect; predict each file by itself" in done.stderr
    )
