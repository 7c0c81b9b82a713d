#!/usr/bin/env bash
# Sets up what is missing and builds all of it in build/. Arguments go to `cmake --build`, as in
# `tools/build.sh --target seqsweep`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools/setup.sh
cmake --preset release >build-configure.log 2>&1 || { cat build-configure.log >&2; exit 1; }
rm -f build-configure.log
cmake --build --preset release "$@"
