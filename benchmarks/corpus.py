"""Test accuracy of bags of n-grams and of the lecture's network, with five seeds, on the sample corpus.

    python -m benchmarks.corpus

The split is that of params.yaml for all. Results go to benchmarks/results/corpus.json.
"""

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from benchmarks import prepared
from benchmarks.corpora import RESULTS
from sentiment.config import paths
from sentiment.config.compute import ComputeConfig
from sentiment.data.classes import BINARY
from sentiment.data.encoding import EncodedSplit
from sentiment.data.vocabulary import Vocabulary
from sentiment.inference.predictor import predict_split
from sentiment.io import parquet
from sentiment.io.command import run
from sentiment.io.json_file import write_json
from sentiment.nn import device
from sentiment.nn.config import ModelConfig
from sentiment.training.config import TrainConfig
from stages import train

RESULT = RESULTS / "corpus.json"
SEEDS = (1, 2, 3, 4, 5)
NGRAMS = {"unigrams": 1, "uni- and bigrams": 2, "uni-, bi- and trigrams": 3}


def bag_of_words(size: int) -> float:
    """Return the test accuracy of a logistic regression on the counts of the n-grams of up to `size` tokens."""
    splits = [list(parquet.read(path, parquet.REVIEWS)) for path in (paths.REVIEWS.train, paths.REVIEWS.test)]
    texts, labels = (
        [[value for batch in batches for value in batch[column].to_pylist()] for batches in splits]
        for column in ("text", "label")
    )
    counter = CountVectorizer(tokenizer=str.split, token_pattern=None, lowercase=False, ngram_range=(1, size))
    model = LogisticRegression(max_iter=500).fit(counter.fit_transform(texts[0]), labels[0])
    return float(model.score(counter.transform(texts[1]), labels[1]))


def network(seed: int) -> float:
    """Return the test accuracy of the network of params.yaml, trained with a seed."""
    config, compute, cpu = TrainConfig.load(), ComputeConfig.load(), torch.device("cpu")
    device.configure_torch(cpu, compute.threads)
    classifier = train.build(ModelConfig.load(), Vocabulary.load(paths.VOCABULARY), len(BINARY), compute, seed)
    splits = EncodedSplit.open(paths.IDS.train), EncodedSplit.open(paths.IDS.valid)
    config = train.suited(config.model_copy(update={"seed": seed}), classifier, len(splits[0].labels))
    train.train(splits, classifier, config, cpu)
    test = EncodedSplit.open(paths.IDS.test)
    return float(np.mean((predict_split(classifier, test)[:, 1] >= 0.5) == test.labels))


def main() -> None:
    with prepared.data_stages():
        bags = {name: bag_of_words(size) for name, size in NGRAMS.items()}
        seeds = {str(seed): network(seed) for seed in SEEDS}
    write_json(RESULT, {"bags_of_words": bags, "lecture_network": seeds})
    for name, accuracy in (bags | {f"seed {seed}": accuracy for seed, accuracy in seeds.items()}).items():
        print(f"{name:24} {accuracy:.4f}")


if __name__ == "__main__":
    run(main)
