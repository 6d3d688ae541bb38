"""How fast a training step is on a GPU: Triton's loops against cuDNN and a plain `torch.nn` loop.

    python -m benchmarks.training_cuda [path/to/aclImdb.tar.gz]

A step is a whole training step, as in `benchmarks.training`, which defines the networks and the batches; an LSTM with
256 units is added. This project's batches are put together on the GPU within the step. Those of `torch.nn` lie on it
before the clock starts: what their loader takes is a matter of its workers. All compute in float32 without TF32,
deterministically, with fused Adam, in one process on the first GPU. A measurement repeats its batches until a second
has passed, and waits for the GPU each time. Ratios are those of one round; seconds are per million tokens.
"""

import importlib.util
from collections.abc import Callable
from functools import partial

import torch

from benchmarks import prepared, timing
from benchmarks.corpora import Corpus
from benchmarks.timing import Contestant
from benchmarks.training import NETWORKS, Network, Positions, Work, batches, ours, packed, padded, stock, tokens
from sentiment.config import paths
from sentiment.data.dataset import ReviewDataset
from sentiment.data.encoding import EncodedSplit
from sentiment.data.vocabulary import Vocabulary
from sentiment.errors import InputError
from sentiment.io.command import run
from sentiment.io.json_file import write_json
from sentiment.nn import device

ROUNDS = 5
OURS = "this project: Triton, 256"
WIDE = Network("lstm", 256, 256)


def contestants(network: Network, size: int, reviews: ReviewDataset, place: torch.device) -> list[Contestant]:
    """Return every way to train a network. `size`: of the vocabulary."""
    lengths = reviews.split.lengths
    own, large = batches(lengths, 256, True, 8), batches(lengths, 1024, True, 4)
    few, random = batches(lengths, 64, True, 8), batches(lengths, 64, False, 2)

    def contestant(name: str, chosen: Positions, start: Callable[..., Work]) -> Contestant:
        work = start(network, size, reviews, chosen)
        return Contestant(name, lambda: timing.repeated(partial(_finished, work)) / tokens(reviews, chosen) * 1e6)

    triton, cudnn = (partial(ours, precision="float32", place=place, backend=backend) for backend in ("triton", "auto"))
    by_packing, by_padding = (partial(stock, pack=pack, place=place) for pack in (packed, padded))
    return [
        contestant(OURS, own, triton),
        contestant("this project: cuDNN, 256", own, cudnn),
        contestant("this project: Triton, 1,024", large, triton),
        contestant("this project: cuDNN, 1,024", large, cudnn),
        contestant("torch packed, random, 64", random, by_packing),
        contestant("torch packed, bucketed, 64", few, by_packing),
        contestant("torch packed, bucketed, 256", own, by_packing),
        contestant("torch padded, bucketed, 256", own, by_padding),
    ]


def _finished(work: Work) -> None:
    work()
    torch.cuda.synchronize()


def main() -> None:
    if not torch.cuda.is_available() or importlib.util.find_spec("triton") is None:
        raise InputError("benchmarks.training_cuda needs a CUDA GPU, and a torch that comes with Triton")
    corpus, place = Corpus.given(), torch.device("cuda", 0)
    device.configure_torch(place, 1)
    machine = timing.machine(1, ["torch", "triton", "numpy"]) | {"gpu": device.describe(place)}
    networks: list[dict[str, object]] = []
    with prepared.data_stages(corpus.source, {"encode.max_tokens": 0}):
        reviews, size = ReviewDataset(EncodedSplit.open(paths.IDS.train)), len(Vocabulary.load(paths.VOCABULARY))
        for network in (*NETWORKS, WIDE):
            rows = timing.described(timing.compete(contestants(network, size, reviews, place), ROUNDS), OURS)
            networks.append({"network": str(network), "contestants": rows})
            print(f"\n{network}, seconds per million tokens", "\n".join(timing.lines(rows, OURS)), sep="\n", flush=True)
            # After each network: a later one can be too large for the GPU.
            write_json(corpus.result("training-cuda"), {"machine": machine, "reference": OURS, "networks": networks})


if __name__ == "__main__":
    run(main, takes_arguments=True)
