# For the scripts beside this one, which source it: queue experiments, run two at a time, wait for them.
#   run_all "name key=value key=value" ... -- options of `dvc exp run` for all of them
#   figures "column|column"                                      what these experiments have there, as CSV
# Lists can be empty, which bash before 4.4 takes for unset: hence ${list[@]+"${list[@]}"}.
# An experiment that already ran with the same parameters, inputs and code comes from DVC's cache.

run_all() {
    local experiment name change changes status
    local experiments=() names=()
    while [[ $1 != -- ]]; do
        experiments+=("$1")
        names+=("${1%% *}")
        shift
    done
    shift
    if ((${#names[@]} == 0)); then
        echo "error: no experiment has a name that matches" >&2
        return 1
    fi
    # Where an experiment takes its tokens from the cache, DVC 3.67.1 also wants those of the last run to be in there.
    if [[ ! -d data/tokens ]]; then
        echo "error: the pipeline has not run in this clone; run: make repro" >&2
        return 1
    fi
    ran=$(IFS='|' && echo "${names[*]}") # as a pattern, for `figures` too
    status=$(dvc queue status)
    if [[ $status =~ ($ran)\ [^$'\n']*Running || ($status =~ [1-9][0-9]*\ active && $status =~ ($ran)\ [^$'\n']*Queued) ]]; then
        echo "error: ${BASH_REMATCH[1]} is queued or running already; wait, or stop it by: dvc queue kill ${BASH_REMATCH[1]}" >&2
        return 1
    fi
    for name in "${names[@]}"; do # of an earlier time
        dvc queue remove "$name" &>/dev/null || true
        dvc exp remove "$name" &>/dev/null || true
    done
    for experiment in "${experiments[@]}"; do
        read -r name changes <<<"$experiment"
        local options=()
        for change in $changes; do options+=(-S "$change"); done
        dvc exp run --queue --name "$name" ${options[@]+"${options[@]}"} "$@" >&2
    done
    # The workers keep open what they print to, so that a pipe would wait for them: for ever where one has removed the
    # message that tells the other to end (dvc-task 0.40.2).
    if ! dvc queue start --jobs 2 &>/dev/null; then
        echo "error: the queue did not start; see: dvc queue start" >&2
        return 1
    fi
    while status=$(dvc queue status) && [[ $status =~ ($ran)\ [^$'\n']*(Queued|Running) ]]; do sleep 2; done
    for name in "${names[@]}"; do
        if ! [[ $status =~ $name\ [^$'\n']*Success ]]; then
            echo "error: $name did not finish; see: dvc queue logs $name" >&2
            return 1
        fi
    done
}

figures() {
    dvc exp show --csv --precision 4 --drop '.*' --keep "Experiment|$1" | grep -E "^(Experiment|$ran),"
}
