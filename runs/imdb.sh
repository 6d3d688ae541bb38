#!/usr/bin/env bash
# Three networks on the 50,000 IMDb reviews, one after the other, then the table: about three minutes on two cores.
#   runs/imdb.sh path/to/aclImdb_v1.tar.gz
set -euo pipefail
source=$(realpath "${1:?give the path of the IMDb archive or folder; make imdb fetches it}")
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

try() { # name, then the parameters in which it differs
    local name=$1 changes=()
    shift
    for change in "$@"; do changes+=(--set-param "$change"); done
    dvc exp remove --quiet "$name" 2>/dev/null || true # of an earlier time
    dvc exp run --temp --name "$name" --set-param "ingest.source=$source" --set-param train.learning_rate=1e-3 --set-param train.threads=2 "${changes[@]}"
}

try imdb-rnn train.epochs=8
try imdb-lstm train.epochs=8 model.cell=lstm
try imdb-lstm-64 train.epochs=5 model.cell=lstm model.hidden_dim=64 \
    tokenize.method=words tokenize.lowercase=true tokenize.strip_html=true

dvc exp show --csv --precision 4 --drop '.*' \
    --keep 'Experiment|model.cell|hidden_dim|method|parameters|best_epoch|^accuracy|roc_auc$|train_seconds|tokens_per_second' |
    grep -E '^(Experiment|imdb-)' | tee benchmarks/results/imdb.csv
