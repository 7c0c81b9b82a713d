#!/usr/bin/env bash
# Fuzzes every reader of foreign bytes (tests/fuzz) for so many seconds each, under the address and
# undefined-behaviour sanitizers: `tools/fuzz.sh 600`, or some of them: `tools/fuzz.sh 60 sweep cache`.
# Needs clang. Ends with 1 when one found something; what it found lies in build-fuzz/found and goes
# into tests/fuzz/corpus with the fix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:?usage: tools/fuzz.sh SECONDS [TARGET...]}
shift
[ $# -gt 0 ] || set -- sweep message safetensors checkpoint cache tokenizer sentencepiece
cmake --preset fuzz >build-fuzz.log 2>&1 || { cat build-fuzz.log >&2; exit 1; }
rm -f build-fuzz.log
cmake --build --preset fuzz -j "${FUZZ_JOBS:-$(nproc)}"
mkdir -p build-fuzz/found
failed=0
for target in "$@"; do
  mkdir -p "build-fuzz/corpus/$target"  # What it learns is kept for the next time.
  "build-fuzz/bin/fuzz_$target" "build-fuzz/corpus/$target" "tests/fuzz/corpus/$target" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 \
    -artifact_prefix="build-fuzz/found/$target-" -print_final_stats=1 -verbosity=0 \
    >"build-fuzz/$target.log" 2>&1 && state=clean || { state=FAILED failed=1; }
  echo "$target: $state, $(sed -n 's/^stat::number_of_executed_units: *//p' "build-fuzz/$target.log") inputs" \
    "in $seconds s (build-fuzz/$target.log)"
done
exit $failed
