"""Train and score a linear classifier: data/tokens -> data/baseline{,_valid}.parquet, metrics/baseline.json.

It reads the same tokens of the same splits as the network, and learns from the training split alone: nothing is chosen.
Every result of the network stands beside this one. What it says of the validation split is for `evaluate`, which asks
what both know together.
"""

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from sentiment.config import paths
from sentiment.config.evaluation import EvaluationConfig
from sentiment.config.section import PositiveInt, Section
from sentiment.errors import InputError
from sentiment.io import parquet
from sentiment.io.json_file import write_json
from sentiment.pipeline.stage import run


class Params(Section, name="baseline"):
    features: Literal["tfidf", "nbsvm"]
    ngrams: Annotated[int, Field(ge=1, le=5)]
    min_occurrences: PositiveInt
    c: Annotated[float, Field(gt=0, le=1e6)]


def baseline(train: pa.Table, unseen: list[pa.Table], params: Params) -> list[npt.NDArray[np.float32]]:
    """Return the probability of being positive of each review in some other tables: float32[reviews] each."""
    from sentiment.baseline import linear  # loads scikit-learn, which `check` does not need: 0.7 s
    from sentiment.baseline.ngrams import NGrams

    labels = train["label"].to_numpy()
    seen = train["tokens"].combine_chunks()
    ngrams = NGrams.fit(seen, params.ngrams, params.min_occurrences)
    counts = ngrams.count(seen)
    if not counts.shape[1]:
        raise InputError(
            f"{paths.TOKENS.train}: no token occurs baseline.min_occurrences = {params.min_occurrences} times; lower it"
        )
    worth = linear.FeatureWeighting(params.features, counts, labels)
    other = [worth(ngrams.count(table["tokens"].combine_chunks())) for table in unseen]
    return linear.predict(worth(counts), labels, other, params.c)


def main() -> None:
    params, evaluation = Params.load(), EvaluationConfig.load()
    train, valid, test = (parquet.read_all(path, parquet.TOKENS) for path in paths.TOKENS)
    held_out, probability = baseline(train, [valid, test], params)
    for path, split, found in [
        (paths.BASELINE_HELD_OUT, valid, held_out),
        (paths.BASELINE_PREDICTIONS, test, probability),
    ]:
        with parquet.open_writer(path, parquet.PREDICTIONS) as table:
            table.write(split["id"].combine_chunks(), split["label"].combine_chunks(), pa.array(found))

    from sentiment.evaluation import metrics

    scores = metrics.report(test["label"].to_numpy(), probability, evaluation)
    write_json(paths.BASELINE_METRICS, {"baseline": scores})  # a name of its own beside the network's figures


if __name__ == "__main__":
    run(main)
