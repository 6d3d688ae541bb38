#!/usr/bin/env bash
# The networks of README.md's table on the 50,000 labelled IMDb reviews, queued, then the figures as CSV: a little over an hour on two cores.
#   runs/imdb.sh path/to/aclImdb_v1.tar.gz > benchmarks/results/imdb.csv
#   IMDB='lecture-1' runs/imdb.sh path/to/aclImdb_v1.tar.gz               only those whose name matches
#   IMDB='(plain|lstm)-1' FIGURES='^probe.*rate|^(baseline.)?accuracy$' runs/imdb.sh path/to/aclImdb_v1.tar.gz > benchmarks/results/behaviour.csv
set -euo pipefail
source=$(realpath "${1:?give the path of the IMDb archive or folder; make imdb fetches it}")
shift
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

words="tokenize.method=words tokenize.lowercase=true tokenize.strip_html=true count_vocab.max_size=30000 encode.max_tokens=0"
recipe="model.pooling=concat model.recurrent_gain=1 train.schedule=one_cycle train.patience=0"
lstm="model.cell=lstm model.bidirectional=true model.word_dropout=0.15 model.output_dropout=0.5 train.learning_rate=1.4e-3 train.batch_size=32 train.ema_decay=0.9975 train.adversarial_epsilon=0.02 pretrain.method=language_model"
networks=( # a name, how many seeds, the parameters that it changes; the longest first, so that two run to the end
    "imdb-strong 1 $words $recipe $lstm train.epochs=3 model.embedding_dim=128 model.hidden_dim=128 pretrain.epochs=8"
    "imdb-lstm 3 $words $recipe $lstm train.epochs=4 model.embedding_dim=64 model.hidden_dim=64 pretrain.epochs=3"
    "imdb-lecture 3 $recipe model.word_dropout=0.3 train.epochs=12 train.learning_rate=3e-3 train.batch_size=64 train.ema_decay=0.998 train.adversarial_epsilon=0.01 pretrain.method=ppmi"
    "imdb-plain 3 model.pooling=last model.recurrent_gain=1 train.epochs=8 train.batch_size=256 train.learning_rate=1e-3 train.schedule=constant train.adversarial_epsilon=0"
)
experiments=()
for network in "${networks[@]}"; do
    read -r name seeds changes <<<"$network"
    for seed in $(seq "$seeds"); do
        [[ $name-$seed =~ ${IMDB:-} ]] || continue
        experiments+=("$name-$seed $changes train.seed=$seed")
    done
done
. runs/queue.sh
run_all ${experiments[@]+"${experiments[@]}"} -- -S "ingest.source=$source" -S ingest.valid_fraction=0.1 -S pretrain.unlabelled=false -S train.precision=float32 "$@"

figures "${FIGURES:-parameters|best_epoch|accuracy|roc_auc$|baseline.accuracy$|stacked.accuracy$|train_seconds|tokens_per_second|train.seed}"
