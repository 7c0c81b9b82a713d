#!/usr/bin/env bash
# Installs what is missing, builds, runs all tests; ends with ctest's summary. Arguments go to ctest:
# `tools/run_tests.sh -L unit`, `tools/run_tests.sh -R Config`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools/build.sh
source tools/environment.sh
ctest --preset release "$@"
