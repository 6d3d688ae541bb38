#!/usr/bin/env bash
# The three cells on the embedded corpus, as queued experiments, then the table: about half a minute on two cores.
#   runs/cells.sh > benchmarks/results/cells.csv
#   runs/cells.sh -S train.epochs=2                  the same with other parameters
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

cells=(rnn gru lstm)
for cell in "${cells[@]}"; do # of an earlier time
    dvc queue remove "cell-$cell" &>/dev/null || true
    dvc exp remove "cell-$cell" &>/dev/null || true
    if [[ $(dvc queue status) =~ cell-$cell\  ]]; then
        echo "error: cell-$cell is queued or running already; wait, or stop it by: dvc queue kill cell-$cell" >&2
        exit 1
    fi
done
for cell in "${cells[@]}"; do
    dvc exp run --queue --name "cell-$cell" -S "model.cell=$cell" "$@" >&2
done
dvc queue start --jobs 2 >&2
while status=$(dvc queue status) && [[ $status =~ cell-[a-z]+\ [^$'\n']*(Queued|Running) ]]; do sleep 2; done
for cell in "${cells[@]}"; do
    if ! [[ $status =~ cell-$cell\ [^$'\n']*Success ]]; then
        echo "error: cell-$cell did not finish; see: dvc queue logs cell-$cell" >&2
        exit 1
    fi
done

dvc exp show --csv --precision 4 --drop '.*' \
    --keep 'Experiment|model.cell|parameters|best_epoch|^accuracy$|log_loss|train_seconds|tokens_per_second' |
    grep -E '^(Experiment|cell-)'
