"""Known data sets in their own forms, read with the settings that docs/sources.md gives for them."""

import gzip
import io
import json
import re
import shlex
import tarfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentiment.config import paths
from sentiment.config.yaml_file import parse
from sentiment.data.classes import Classes
from sentiment.io import parquet
from sentiment.io.json_file import read_json
from stages import ingest
from tests.support.clone import set_parameter
from tests.support.imports import ROOT

TABLE = (ROOT / "docs/sources.md").read_text(encoding="utf-8").split("## Data sets")[1]
COMMANDS = dict(re.findall(r"\| `(dvc exp run [^`]*)` \| `(\w+)` \|", TABLE))
TESTS = {test: command for command, test in COMMANDS.items()}


class Ingested(NamedTuple):
    """What stage `ingest` made of a source: the class of each text, its split, and metrics/corpus.json."""

    classes: dict[str, str]
    splits: dict[str, str]
    corpus: dict[str, Any]

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.classes.values())


@pytest.fixture
def read(workspace: Path, request: pytest.FixtureRequest) -> Any:
    """Write files under their names in the source, and ingest it as the table says for this test."""

    def run(content: bytes | Mapping[str, bytes]) -> Ingested:
        words = shlex.split(TESTS[request.node.name])
        settings = dict(word.split("=", 1) for word in words if word.startswith("ingest."))
        source = workspace / settings["ingest.source"]
        files = content if isinstance(content, Mapping) else {"": content}
        for name, one in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(one)
        for key, value in settings.items():
            set_parameter(workspace / paths.PARAMS, key, parse(value))
        ingest.main()
        names = Classes.load().names
        rows = {
            split: [row for batch in parquet.read(path, parquet.REVIEWS) for row in batch.to_pylist()]
            for split, path in zip(paths.SPLITS, paths.REVIEWS[:3], strict=True)
        }
        return Ingested(
            {row["text"]: names[row["label"]] for split in rows.values() for row in split},
            {row["text"]: split for split, of_split in rows.items() for row in of_split},
            read_json(paths.CORPUS),
        )

    return run


def test_each_data_set_has_a_test() -> None:
    assert len(TESTS) == len(COMMANDS) == TABLE.count("\n| ") - 2  # of the header
    assert set(TESTS) == {name for name in globals() if name.startswith("test_")} - {"test_each_data_set_has_a_test"}


NUMBERS = range(300)


def test_sst_2(read: Any) -> None:
    rows = [f'film {number} , a "real" one \t{number % 2}\n' for number in NUMBERS]
    rows[10] = '"film 10 , she says \t0\n'
    rows[20] = 'is good " \t0\n'
    found = read("".join(["sentence\tlabel\n", *rows]).encode())
    assert found.counts == {"negative": 150, "positive": 150}
    assert found.classes['"film 10 , she says '] == "negative"


def test_sst_5(read: Any) -> None:
    found = read("".join(f"{number % 5}\tfilm {number} , fine\n" for number in NUMBERS).encode())
    assert found.counts == dict.fromkeys("01234", 60)


def yelp() -> bytes:
    rows = [{"review_id": f"r{n}", "stars": n % 5 + 1.0, "text": f"film {n}\nfine", "useful": 0} for n in NUMBERS]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_yelp_stars(read: Any) -> None:
    found = read(yelp())
    assert found.counts == dict.fromkeys("12345", 60)
    assert found.classes["film 3\nfine"] == "4"


def test_yelp_polarity(read: Any) -> None:
    found = read(yelp())
    assert found.counts == {"negative": 120, "positive": 120}
    assert found.corpus["dropped"] == 60


def test_sentiment140(read: Any) -> None:
    row = '"{}","{}","Mon Apr 06 22:19:45 PDT 2009","NO_QUERY","me","@you caf\u00e9 {}, &lt;3 ""fine"""\n'
    found = read("".join(row.format(n % 2 * 4, n, n) for n in NUMBERS).encode("latin-1"))
    assert found.counts == {"negative": 150, "positive": 150}
    assert found.classes['@you café 7, &lt;3 "fine"'] == "positive"


def test_imdb_dataset_of_kaggle(read: Any) -> None:
    rows = [f'"film {n}<br /><br />A ""fine"" one, \nreally.",{"positive" if n % 2 else "negative"}\n' for n in NUMBERS]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("IMDB Dataset.csv", "".join(["review,sentiment\n", *rows]))
    found = read(archive.getvalue())
    assert found.counts == {"negative": 150, "positive": 150}
    assert found.classes['film 1<br /><br />A "fine" one, \nreally.'] == "positive"


def test_labeled_train_data(read: Any) -> None:
    rows = [f'"{n}_8"\t{n % 2}\t"\\"Film {n}\\" is its name, a \\"fine\\" one\\""\n' for n in NUMBERS]
    found = read("".join(["id\tsentiment\treview\n", *rows]).encode())
    assert found.counts == {"negative": 150, "positive": 150}
    assert found.classes['"Film 1" is its name, a "fine" one"'] == "positive"


def test_rt_polarity(read: Any) -> None:
    files = {
        f"rt-polarity.{label}": "".join(f'film {n} , " {label} " . caf\u00e9\n' for n in NUMBERS).encode("latin-1")
        for label in ("neg", "pos")
    }
    found = read(files)
    assert found.counts == {"negative": 300, "positive": 300}
    assert found.classes['film 7 , " pos " . café'] == "positive"


def hugging_face(kind: str, labels: list[int]) -> bytes:
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": ["pos", "neg"], "_type": "ClassLabel"},
    }
    table = pa.table({"text": [f"{kind} {number}" for number in range(len(labels))], "label": labels})
    stream = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), stream)
    return stream.getvalue()


def test_imdb_of_hugging_face(read: Any) -> None:
    kinds = {"train": [0, 1] * 100, "test": [0, 1] * 50, "unsupervised": [-1] * 30}
    found = read({f"{kind}-00000-of-00001.parquet": hugging_face(kind, labels) for kind, labels in kinds.items()})
    assert found.counts == {"positive": 150, "negative": 150}
    assert found.classes["train 0"] == "positive"
    assert {text for text, split in found.splits.items() if split == "test"} == {f"test {n}" for n in range(100)}
    assert found.corpus["missing"] == 30


def test_amazon(read: Any) -> None:
    rows = [{"reviewerID": "A", "overall": n % 5 + 1.0, "reviewText": f"film {n}", "helpful": [0, 0]} for n in NUMBERS]
    del rows[0]["reviewText"]
    found = read(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    assert found.counts == dict.fromkeys("2345", 60) | {"1": 59}
    assert found.corpus["missing"] == 1


def test_excel_utf_8(read: Any) -> None:
    rows = [f'"film {n}; fine, ""really""\u00e9";{"positive" if n % 2 else "negative"};;\r\n' for n in NUMBERS]
    found = read("".join(["\ufeffreview;sentiment;;\r\n", *rows]).encode())
    assert found.counts == {"negative": 150, "positive": 150}
    assert found.classes['film 1; fine, "really"é'] == "positive"


def test_excel_cp1252(read: Any) -> None:
    rows = [f"film {n}, it\u2019s caf\u00e9;{n % 3}\r\n" for n in NUMBERS]
    found = read("".join(["sep=;\r\ntext;label\r\n", *rows]).encode("cp1252"))
    assert found.counts == dict.fromkeys("012", 100)
    assert found.classes["film 1, it’s café"] == "1"


def test_imdb_ratings(read: Any) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for number in range(600):
            split, stars = ("train", "test")[number % 2], (1, 2, 3, 4, 7, 8, 9, 10)[number // 2 % 8]
            member = tarfile.TarInfo(f"aclImdb/{split}/{'pos' if stars > 5 else 'neg'}/{number}_{stars}.txt")
            text = f"film {number}".encode()
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    found = read(stream.getvalue())
    assert list(found.corpus["test"]["classes"]) == ["1", "2", "3", "4", "7", "8", "9", "10"]
    assert found.classes["film 2"] == "2"
