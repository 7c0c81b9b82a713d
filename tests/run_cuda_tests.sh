#!/bin/bash
# The tests that need a GPU: a fault of a kernel spoils the rest of its process, so each suite (of a suite with
# parameters, each test) has a process of its own. Some run at the same time, on the same GPU.
#   tests/run_cuda_tests.sh [FOLDER OF THE EXECUTABLES] [HOW MANY AT THE SAME TIME] [FOLDER FOR LOGS]
set -u
bin=${1:-build/bin} jobs=${2:-8}
export logs=${3:-$(mktemp -d)}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
mkdir -p "$logs"
rm -f "$logs"/*log
if ! ls /dev/nvidiactl /dev/nvidia0 > /dev/null 2>&1 && [ -z "${SEQSWEEP_TEST_DEVICE:-}" ]; then
  echo "there is no GPU" >&2
  exit 2
fi

# EXECUTABLE FILTER
filters() {
  for name in kernels_test train_test nn_test lm_test experiments_test worker_test; do
    [ -x "$bin/$name" ] || continue
    "$bin/$name" --gtest_filter='*Cuda*:*Gpu*' --gtest_list_tests 2>/dev/null | awk -v exe="$bin/$name" '
      /^[^ ].*\.( |$)/ { suite = $1 }
      /^  / { print exe, suite ($1 ~ /\// ? substr($1, 1, index($1, "/")) : "") "*" }'
  done | sort -u
}

run() {
  local log
  log=$logs/$(basename "$1").$(echo "$2" | tr -d '*' | tr / _)log
  local began=$SECONDS
  timeout 300 "$1" --gtest_filter="$2" > "$log" 2>&1
  local rc=$?
  echo "rc $rc, $(grep -c '^\[       OK' "$log") ok, $(grep -c '^\[  FAILED.*ms)' "$log") failed," \
    "$(grep -c '^\[  SKIPPED.*ms)' "$log") skipped, $((SECONDS - began)) s: $(basename "$1") $2"
}
export -f run

filters | xargs -r -P "$jobs" -L 1 bash -c 'run "$@"' run | tee "$logs/summary"
echo "--- failed:"
grep -h '^\[  FAILED.*ms)' "$logs"/*log | sed 's/, where.*(/ (/' | sort -u
echo "--- failed or skipped suites:"
grep -v '^rc 0.* 0 failed, 0 skipped' "$logs/summary"
! grep -qv '^rc 0' "$logs/summary" && awk '{ ok += $3 } END { exit ok == 0 }' "$logs/summary"
