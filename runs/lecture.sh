#!/usr/bin/env bash
# What the lecture says about its network, shown: one at a time against packed, tanh against the logistic function,
# ordered against shuffled presentation. Half a minute on the sample corpus, a few on IMDb.
#   runs/lecture.sh [path/to/aclImdb_v1.tar.gz]
# It writes to benchmarks/results/.
set -euo pipefail
corpus=${1:+$(realpath "$1")}
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
python -m benchmarks.lecture ${corpus:+"$corpus"}
