#!/usr/bin/env bash
# Test under slurm, one task per GPU.
#   [GPUS=8] [GPUS_PER_NODE=4] [CPUS_PER_TASK=5] [SRUN_ARGS='--time=1:0:0'] \
#   tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of test.py]
set -euo pipefail
if [ $# -lt 4 ]; then
    sed -n '2,4s/^# *//p' "$0" >&2
    exit 2
fi
gpus=${GPUS:-4}
per_node=${GPUS_PER_NODE:-$((gpus < 4 ? gpus : 4))}
# Unquoted on purpose: SRUN_ARGS holds several words.
# shellcheck disable=SC2086
exec srun \
    --partition="$1" \
    --job-name="$2" \
    --ntasks="$gpus" \
    --ntasks-per-node="$per_node" \
    --gres="gpu:$per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/test.py" "$3" "$4" --launcher slurm "${@:5}"
