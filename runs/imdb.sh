#!/usr/bin/env bash
# The networks of README.md's table on the 50,000 IMDb reviews, each with three seeds, queued, then the table.
#   runs/imdb.sh path/to/aclImdb_v1.tar.gz > benchmarks/results/imdb.csv
#   IMDB='lecture' runs/imdb.sh path/to/aclImdb_v1.tar.gz      only those whose name matches
set -euo pipefail
source=$(realpath "${1:?give the path of the IMDb archive or folder; make imdb fetches it}")
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

experiments=( # a name, then the parameters that it changes
)
