#!/usr/bin/env bash
# Every idea of the lecture, each as a change of its network, as an experiment on the sample corpus, queued, then the table: twelve minutes on two cores.
#   runs/ideas.sh > benchmarks/results/ideas.csv
#   runs/ideas.sh -S train.epochs=2                  the same with other parameters
#   IDEAS='gru|lstm' runs/ideas.sh                   only those whose name matches
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

# Its readout sees the last state alone. Settings that learn it in a minute, instead of those for reviews of all kinds.
lecture="model.pooling=last model.recurrent_gain=1 train.epochs=80 train.patience=10 train.batch_size=256 train.schedule=constant train.adversarial_epsilon=0 train.adversarial_above=0"
ideas=( # a name, then the parameters that it changes
    "idea-rnn"
    "idea-rnn-relu model.nonlinearity=relu train.learning_rate=1e-3"
    "idea-reference compute.backend=reference"
    "idea-logistic model.nonlinearity=logistic"
    "idea-gru model.cell=gru"
    "idea-lstm model.cell=lstm"
    "idea-stacked model.layers=2 model.dropout=0.1"
    "idea-bidirectional model.bidirectional=true"
    "idea-mean model.pooling=mean"
    "idea-max model.pooling=max"
    "idea-concat model.pooling=concat"
    "idea-last-embedding model.concat_last_embedding=true"
    "idea-dropout model.word_dropout=0.1 model.embedding_dropout=0.1 model.output_dropout=0.1"
    "idea-vectors pretrain.method=ppmi"
    "idea-language-model pretrain.method=language_model"
    "idea-adversarial train.adversarial_epsilon=0.02"
    "idea-words tokenize.method=words tokenize.lowercase=true"
    "idea-one-cycle train.schedule=one_cycle train.ema_decay=0.99"
    "idea-transformer model.encoder=transformer model.layers=2 model.pooling=mean train.learning_rate=1e-3"
)
for place in "${!ideas[@]}"; do
    read -r name changes <<<"${ideas[place]}"
    ideas[place]="$name $lecture $changes" # of two values for a parameter, the later one holds
    [[ $name =~ ${IDEAS:-} ]] || unset "ideas[place]"
done
. runs/queue.sh
run_all ${ideas[@]+"${ideas[@]}"} -- "$@"

figures 'model.cell|parameters|best_epoch|^accuracy$|^log_loss$|train_seconds|tokens_per_second'
