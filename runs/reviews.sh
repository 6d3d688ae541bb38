#!/usr/bin/env bash
# Train on your own reviews with settings that suit a few thousand reviews that people wrote.
#   runs/reviews.sh data/mine.csv
#   runs/reviews.sh data/mine.csv -S model.hidden_dim=128     with other parameters
# The defaults of params.yaml suit the small sample corpus. docs/experiments.md compares both on 4,000 reviews.
set -euo pipefail
source=$(realpath "${1:?give the path of your reviews; README.md says what is in the file}")
shift
cd "$(dirname "$0")/.."
source=${source#"$(pwd -P)"/} # as dvc.lock records it: inside the repository, the same for everybody
export PATH="$PWD/.venv/bin:$PATH"

settings=(
    tokenize.method=words tokenize.lowercase=true tokenize.strip_html=true
    pretrain.method=ppmi
    model.cell=lstm model.bidirectional=true model.embedding_dim=64 model.hidden_dim=64 model.pooling=concat
    model.word_dropout=0.3 model.output_dropout=0.5
    train.schedule=one_cycle train.epochs=8 train.patience=0 train.learning_rate=2e-3 train.batch_size=32
    train.ema_decay=0.99 train.adversarial_epsilon=0.02 train.precision=float32
)
dvc exp run -S "ingest.source=$source" "${settings[@]/#/--set-param=}" "$@"
