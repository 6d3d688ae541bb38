#!/usr/bin/env bash
# The networks of README.md's table on the 50,000 IMDb reviews, queued, each with three seeds, then the figures as CSV.
#   runs/imdb.sh path/to/aclImdb_v1.tar.gz > benchmarks/results/imdb.csv
#   IMDB=lecture runs/imdb.sh path/to/aclImdb_v1.tar.gz                   only those whose name matches
set -euo pipefail
source=$(realpath "${1:?give the path of the IMDb archive or folder; make imdb fetches it}")
shift
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

regular="train.schedule=one_cycle train.patience=0 train.batch_size=64 train.averaging=0.998 model.pooling=concat"
words="tokenize.method=words tokenize.lowercase=true tokenize.strip_html=true count_vocab.max_size=30000"
networks=( # a name, then the parameters that it changes
    "imdb-plain train.epochs=8 train.learning_rate=1e-3"
    "imdb-lecture $regular train.epochs=12 train.learning_rate=3e-3 model.word_dropout=0.3 train.adversarial=0.01 pretrain.method=ppmi"
)
experiments=()
for network in "${networks[@]}"; do
    [[ ${network%% *} =~ ${IMDB:-} ]] || continue
    for seed in 1 2 3; do
        experiments+=("${network%% *}-$seed ${network#* } train.seed=$seed")
    done
done
. runs/queue.sh
run_all "${experiments[@]}" -- -S "ingest.source=$source" "$@"

dvc exp show --csv --precision 4 --drop '.*' \
    --keep 'Experiment|parameters|epoch|accuracy|^roc_auc$|train_seconds|tokens_per_second|^train.seed$' |
    grep -E '^(Experiment|imdb-)'
