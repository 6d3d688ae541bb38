#!/usr/bin/env bash
# The three cells on the embedded corpus, as queued experiments, then the table: about a minute on two cores.
#   runs/cells.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

cells=(rnn gru lstm)
for cell in "${cells[@]}"; do
    dvc exp remove --quiet "cell-$cell" 2>/dev/null || true # of an earlier time
    dvc exp run --queue --name "cell-$cell" --set-param "model.cell=$cell"
done
dvc queue start --jobs 2
while status=$(dvc queue status) && [[ $status =~ Queued|Running ]]; do sleep 2; done
for cell in "${cells[@]}"; do
    if ! [[ $status =~ cell-$cell\ [^$'\n']*Success ]]; then
        echo "error: cell-$cell did not finish; see: dvc queue logs cell-$cell" >&2
        exit 1
    fi
done

dvc exp show --csv --precision 4 --drop '.*' \
    --keep 'Experiment|model.cell|parameters|best_epoch|^accuracy$|log_loss|train_seconds|tokens_per_second' |
    grep -E '^(Experiment|cell-)' | tee benchmarks/results/cells.csv
