"""Hostile input is read, or refused by an InputError with one line for each mistake."""

import bz2
import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from sentiment.baseline.model import Baseline
from sentiment.config.paths import IDS, PARAMS, SAMPLE, VOCABULARY
from sentiment.config.section import load_all
from sentiment.config.yaml_file import read_yaml, write_yaml
from sentiment.data import sources, word_vectors
from sentiment.data.encoding import EncodedSplit
from sentiment.data.tokenizer import MAX_TOKEN
from sentiment.data.vocabulary import Vocabulary
from sentiment.errors import InputError
from sentiment.inference import checkpoint
from sentiment.inference.predictor import predict_texts
from sentiment.io import parquet
from sentiment.io.csv_file import LONGEST
from stages import count_vocab, encode, ingest, tokenize
from stages.check import SECTIONS
from tests.support.checkpoints import CPU, example, example_baseline
from tests.support.clone import set_parameter
from tests.support.imports import ROOT
from tests.support.texts import TEXTS

# The same examples in every run; the folders of a test serve all of its examples.
fuzz = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def refused_or(function: Callable[[], Any]) -> Any:
    """Return the result of a function, or None if it raises an InputError; any other exception fails the test."""
    try:
        return function()
    except InputError as error:
        for line in str(error).splitlines():
            assert 0 < len(line) < 500
            assert line.isprintable(), line
        return None


@settings(fuzz, max_examples=50)  # of 30 to 60 texts each
@given(texts=st.lists(TEXTS, min_size=30, max_size=60), method=st.sampled_from(["whitespace", "words"]))
def test_any_text_passes_the_data_stages(workspace: Path, texts: list[str], method: str) -> None:
    set_parameter(workspace / PARAMS, "tokenize.method", method)
    set_parameter(workspace / PARAMS, "tokenize.strip_html", True)
    SAMPLE.parent.mkdir(exist_ok=True)
    with SAMPLE.open("w", encoding="utf-8", newline="") as stream:
        rows = [(f"{text} {number}", number % 2) for number, text in enumerate([*texts, *["good"] * 60])]
        csv.writer(stream).writerows([("text", "label"), *rows])
    ingest.main()
    tokenize.main()
    count_vocab.main()
    encode.main()
    vocabulary = Vocabulary.load(Path("data/vocab.csv"))
    kept = 0
    for folder in IDS:
        split = EncodedSplit.open(folder)
        assert (split.lengths >= 1).all()  # the number
        assert split.ids.max(initial=0) < len(vocabulary)
        kept += len(split.labels)
    assert kept == len(rows)


def data_stages(texts: list[str]) -> None:
    Path("data").mkdir(exist_ok=True)
    pq.write_table(pa.table({"text": texts, "label": [number % 2 for number in range(len(texts))]}), "data/r.parquet")
    set_parameter(PARAMS, "ingest.source", "data/r.parquet")
    for stage in (ingest, tokenize, count_vocab, encode):
        stage.main()


def test_a_word_of_millions_of_quotation_marks_passes_the_data_stages(workspace: Path) -> None:
    data_stages([*(f"good film {number}" for number in range(300)), *['"' * 9_000_001] * 2])
    assert '"' * MAX_TOKEN in Vocabulary.load(VOCABULARY).tokens.to_pylist()


@pytest.mark.parametrize("method, unknown", [("whitespace", True), ("words", False)])
def test_words_that_are_nearly_all_unknown_are_one_line(
    workspace: Path, capsys: pytest.CaptureFixture[str], method: str, unknown: bool
) -> None:
    set_parameter(PARAMS, "tokenize.method", method)
    data_stages([f"这部电影{a}{b}" for a in "很好坏老新大小快慢" for b in "看听说写读走跑跳"])
    warned = capsys.readouterr().err
    assert warned.count("\n") == unknown
    assert not unknown or "of the validation tokens are not in data/vocab.csv" in warned
    assert not unknown or "set tokenize.method to words" in warned


@fuzz
@given(texts=st.lists(TEXTS, max_size=20))
def test_any_text_has_a_probability(texts: list[str]) -> None:
    probability = predict_texts(example(), texts).probability
    assert probability.shape == (len(texts), 2)
    assert ((probability > 0) & (probability < 1)).all()


# No subnormal numbers: a training in the same process makes it flush them, and hypothesis refuses to draw some then.
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_subnormal=False) | st.text(max_size=30)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=5), SCALARS, max_size=3)
DOCUMENT = (ROOT / PARAMS).read_text(encoding="utf-8")
KEYS = [(section, key) for section, model in SECTIONS.items() for key in model.model_fields if f"  {key}:" in DOCUMENT]


@fuzz
@given(place=st.sampled_from(KEYS), value=VALUES)
def test_any_value_of_a_parameter_is_accepted_or_refused(workspace: Path, place: tuple[str, str], value: Any) -> None:
    section, key = place
    (workspace / PARAMS).write_text(DOCUMENT, encoding="utf-8")
    document = read_yaml(PARAMS)
    document[section][key] = value
    write_yaml(workspace / PARAMS, document)
    refused_or(lambda: load_all(SECTIONS))


@fuzz
@given(
    start=st.integers(0, len(DOCUMENT)),
    length=st.integers(0, 200),
    more=st.binary(max_size=40)
    | st.sampled_from([b"!!python/object/apply:os.system ['touch pwned']", b"&a [*a, *a]", b"<<: *x", b"? [", b"\t"]),
)
def test_any_damage_to_the_parameters_is_refused(workspace: Path, start: int, length: int, more: bytes) -> None:
    content = DOCUMENT.encode()
    (workspace / PARAMS).write_bytes(content[:start] + more + content[start + length :])
    refused_or(lambda: load_all(SECTIONS))
    assert not (workspace / "pwned").exists()


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("r.csv", content)
    return stream.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".csv.gz": gzip.compress,
    ".csv.bz2": bz2.compress,
    ".csv.xz": lzma.compress,
    ".csv.zst": lambda content: pa.compress(content, "zstd", asbytes=True),
    ".zip": zipped,
}


def table(kind: str) -> bytes:
    """Return a small valid source of a kind."""
    rows = [("good film", 1), ('a "bad"\none', 0)] * 5
    stream = io.BytesIO()
    if kind == ".csv":
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        csv.writer(text).writerows([("text", "label"), *rows])
        text.detach()
    elif kind == ".json":
        stream.write(json.dumps([{"text": text, "label": label} for text, label in rows]).encode())
    elif kind in PACKERS:
        stream.write(PACKERS[kind](table(".csv")))
    elif kind == ".jsonl":
        stream.write(b"".join(json.dumps({"text": text, "label": label}).encode() + b"\n" for text, label in rows))
    elif kind == ".parquet":
        pq.write_table(pa.table({"text": [text for text, _ in rows], "label": [label for _, label in rows]}), stream)
    else:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for folder in ("train/pos", "train/neg", "test/pos", "test/neg"):
                info = tarfile.TarInfo(f"aclImdb/{folder}/0_8.txt")
                info.size = 4
                archive.addfile(info, io.BytesIO(b"text"))
    return stream.getvalue()


@fuzz
@given(
    kind=st.sampled_from([".csv", ".json", ".jsonl", ".parquet", ".tar", *PACKERS]),
    start=st.floats(0, 1, allow_subnormal=False),
    length=st.integers(0, 30),
    more=st.binary(max_size=30),
)
def test_any_damage_to_a_source_is_refused(tmp_path: Path, kind: str, start: float, length: int, more: bytes) -> None:
    content = table(kind)
    offset = int(start * len(content))
    path = tmp_path / f"source{kind}"
    path.write_bytes(content[:offset] + more + content[offset + length :])
    for review in refused_or(lambda: list(sources.read(path))) or []:
        assert review.label is None or 0 < len(review.label) <= 100
        assert review.text is not None or kind in (".jsonl", ".parquet")
        (review.text or "").encode()


@pytest.mark.parametrize("kind", [".csv", *PACKERS, ".json", ".jsonl", ".parquet", ".tar", ".tar.gz", ".neg", ""])
@fuzz
@given(content=st.binary(max_size=300))
def test_any_bytes_as_a_source_are_read_or_refused(tmp_path: Path, kind: str, content: bytes) -> None:
    path = tmp_path / f"source{kind}"
    path.write_bytes(content)
    refused_or(lambda: list(sources.read(path)))


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**31 - 1, 0], pa.date32()),
        pa.array([2**62, 0], pa.timestamp("ms")),
        pa.array([2**62, 0], pa.duration("s")),
        pa.array([["good"] * 9, []], pa.list_(pa.string())),
        pa.array([b"good", b"bad"], pa.binary()),
        pa.array([{"a": 1}, None], pa.struct([("a", pa.int8())])),
    ],
)
@pytest.mark.parametrize("name", ["text", "label"])
def test_a_column_that_is_neither_text_nor_number_is_refused(tmp_path: Path, column: pa.Array, name: str) -> None:
    plain = {"text": pa.array(["good", "bad"]), "label": pa.array([1, 0])}
    pq.write_table(pa.table(plain | {name: column}), tmp_path / "r.parquet")
    with pytest.raises(InputError, match=f"r.parquet: column '{name}' contains '.*'; store text or plain numbers"):
        list(sources.read(tmp_path / "r.parquet"))


@pytest.mark.parametrize(
    "sparse", [{"GNU.sparse.map": "a,b"}, {"GNU.sparse.size": "x"}, {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}]
)
def test_an_archive_with_invalid_sparse_headers_is_refused(tmp_path: Path, sparse: dict[str, str]) -> None:
    path = tmp_path / "r.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("train/neg/0_1.txt")
        member.pax_headers, member.size = sparse, 3
        archive.addfile(member, io.BytesIO(b"bad"))
    with pytest.raises(InputError, match="r.tar: "):
        list(sources.read(path))


@pytest.mark.parametrize("value", ["2001-99-99", "!!int abc", "!!float x", "1" * 5000])
def test_a_value_that_yaml_cannot_read_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "params.yaml").write_text(f"train:\n  seed: {value}\n", encoding="utf-8")
    with pytest.raises(InputError, match="params.yaml: (line 2: |train.seed)"):
        load_all(SECTIONS, tmp_path / "params.yaml")


def test_weights_of_another_type_are_refused(tmp_path: Path, model: dict[str, bytes]) -> None:
    for name, content in model.items():
        (tmp_path / name).write_bytes(content)
    weights = load(model["weights.safetensors"])
    weights["readout.bias"] = weights["readout.bias"].to(torch.float8_e4m3fn)
    (tmp_path / "weights.safetensors").write_bytes(save(weights))
    with pytest.raises(InputError, match=r"readout.bias is float8_e4m3fn\[1\]"):
        checkpoint.load(tmp_path, CPU)


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("text,label\n" + "a" * (LONGEST + 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"r.csv: row 1 \(line 1\): a line has more than 16,777,216 characters"):
        list(sources.read(tmp_path / "r.csv"))


def test_the_time_for_a_header_is_linear_in_its_columns(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(200_000)]  # compared with each other, they took minutes
    (tmp_path / "r.csv").write_text(",".join(["text", "label", *names]) + "\n", encoding="utf-8")
    assert list(sources.read(tmp_path / "r.csv")) == []


def test_any_damage_to_the_pages_of_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with parquet.open_writer(path, parquet.REVIEWS) as table:
        table.write(
            pa.array([str(number) for number in range(500)]),
            pa.array([f"film {number}" for number in range(500)]),
            pa.array(np.arange(500) % 2, pa.uint8()),
        )
    whole = path.read_bytes()
    rows = [batch.to_pylist() for batch in parquet.read(path, parquet.REVIEWS)]
    for offset in range(4, len(whole) - 8, 97):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0x55]) + whole[offset + 1 :])
        read = refused_or(lambda: [batch.to_pylist() for batch in parquet.read(path, parquet.REVIEWS)])
        assert read in (None, rows), offset


def test_json_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "source.jsonl"
    path.write_text("[" * 100_000 + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 1: not JSON"):
        list(sources.read(path))
    checkpoint.save(tmp_path / "model", example(), seed=1, epoch=1)
    (tmp_path / "model/settings.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(InputError, match="settings.json: not valid JSON"):
        checkpoint.load(tmp_path / "model", CPU)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a model folder."""
    folder = tmp_path_factory.mktemp("model") / "model"
    checkpoint.save(folder, example(), seed=1, epoch=1)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the folder of a baseline."""
    folder = tmp_path_factory.mktemp("baseline")
    example_baseline().save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@fuzz
@given(data=st.data(), length=st.integers(0, 30), more=st.binary(max_size=30))
def test_any_damage_to_a_model_is_read_or_refused(
    tmp_path: Path, model: dict[str, bytes], data: st.DataObject, length: int, more: bytes
) -> None:
    damaged = data.draw(st.sampled_from(sorted(model)))
    # The header of a .safetensors file and the settings are where a lie could be told.
    start = data.draw(st.integers(0, min(len(model[damaged]), 900)))
    write_model(tmp_path, model)
    content = model[damaged]
    (tmp_path / damaged).write_bytes(content[:start] + more + content[start + length :])
    found = refused_or(lambda: checkpoint.load(tmp_path, CPU))
    if found is not None:
        assert np.isfinite(predict_texts(found, ["good bad", ""]).probability).all()


@fuzz
@given(data=st.data(), length=st.integers(0, 30), more=st.binary(max_size=30))
def test_any_damage_to_a_baseline_is_read_or_refused(
    tmp_path: Path, baseline: dict[str, bytes], data: st.DataObject, length: int, more: bytes
) -> None:
    damaged = data.draw(st.sampled_from(sorted(baseline)))
    start = data.draw(st.integers(0, len(baseline[damaged])))
    write_model(tmp_path, baseline)
    content = baseline[damaged]
    (tmp_path / damaged).write_bytes(content[:start] + more + content[start + length :])
    found = refused_or(lambda: Baseline.load(tmp_path))
    if found is not None:
        assert np.isfinite(found.predict_texts(["good bad", ""]).probability).all()


def write_model(folder: Path, model: dict[str, bytes]) -> None:
    for name, content in model.items():
        (folder / name).write_bytes(content)


def test_a_pickle_instead_of_weights_is_not_loaded(tmp_path: Path, model: dict[str, bytes]) -> None:
    class Touch:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "pwned",)

    write_model(tmp_path, model)
    torch.save({"readout.bias": Touch()}, tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match="weights.safetensors: damaged"):
        checkpoint.load(tmp_path, CPU)
    assert not (tmp_path / "pwned").exists()


def test_settings_of_a_model_of_terabytes_allocate_nothing(tmp_path: Path, model: dict[str, bytes]) -> None:
    write_model(tmp_path, model)
    content = json.loads(model["settings.json"])
    content["model"] |= {"hidden_dim": 65536, "embedding_dim": 65536, "layers": 64}
    (tmp_path / "settings.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=r"embedding.weight is .*, the model asks for float32\[6, 65536\]"):
        checkpoint.load(tmp_path, CPU)


def test_a_weights_header_of_terabytes_allocates_nothing(tmp_path: Path, model: dict[str, bytes]) -> None:
    write_model(tmp_path, model)
    header = json.dumps({"readout.bias": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    (tmp_path / "weights.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(InputError, match="weights.safetensors: damaged"):
        checkpoint.load(tmp_path, CPU)


@fuzz
@given(
    name=st.sampled_from(["v.txt", "v.vec", "v.bin", "v.txt.gz", "v.bin.gz"]),
    content=st.binary(max_size=200)
    | st.lists(st.sampled_from([b"2 3\n", b"good", b" 1", b" .5", b" nan", b"\n", b"\xff", b"\0" * 12])).map(b"".join),
)
def test_any_bytes_as_word_vectors_are_read_or_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    found = refused_or(lambda: word_vectors.load(tmp_path / name, ["good"], 3))
    assert found is None or np.isfinite(found.values).all()
