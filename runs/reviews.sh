#!/usr/bin/env bash
# Train on your own reviews with settings that are better than the defaults, and slower.
#   runs/reviews.sh data/mine.csv                             a few thousand reviews
#   runs/reviews.sh data/mine.csv many                        tens of thousands: the recipe of imdb-lstm
#   runs/reviews.sh data/mine.csv -S model.hidden_dim=128     with other parameters
# docs/experiments.md compares the first with the defaults on 4,000 reviews; docs/results.md has imdb-lstm.
set -euo pipefail
source=$(realpath "${1:?give the path of your reviews; README.md says what is in the file}")
shift
cd "$(dirname "$0")/.."
source=${source#"$(pwd -P)"/} # as dvc.lock records it: inside the repository, the same for everybody
export PATH="$PWD/.venv/bin:$PATH"

settings=(
    tokenize.method=words tokenize.lowercase=true tokenize.strip_html=true
    pretrain.method=ppmi
    model.cell=lstm model.bidirectional=true model.embedding_dim=64 model.hidden_dim=64 model.recurrent_gain=1
    model.pooling=concat model.word_dropout=0.3 model.output_dropout=0.5
    train.schedule=one_cycle train.epochs=8 train.patience=0 train.learning_rate=2e-3 train.batch_size=32
    train.ema_decay=0.99 train.adversarial_epsilon=0.02 train.precision=float32
)
if [[ ${1:-} == many ]]; then
    shift
    settings+=( # of two values for a parameter, the later one holds
        ingest.valid_fraction=0.1 count_vocab.max_size=30000 encode.max_tokens=0
        pretrain.method=language_model pretrain.epochs=3
        model.word_dropout=0.15 train.epochs=4 train.learning_rate=1.4e-3 train.ema_decay=0.9975 compute.threads=2
    )
fi
dvc exp run -S "ingest.source=$source" "${settings[@]/#/--set-param=}" "$@"
