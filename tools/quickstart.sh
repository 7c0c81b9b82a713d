#!/usr/bin/env bash
# From a fresh checkout to a table: installs what is missing, builds, fetches MovieLens-100k, trains
# experiments/quickstart.yaml on three ranks under mpirun and prints the tables. Started again, it
# trains nothing that is done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools/build.sh --target seqsweep make_tables
source tools/environment.sh

out=out/quickstart
mkdir -p "$out"
build/bin/seqsweep data prepare ml-100k
mpirun -n 3 build/bin/seqsweep sweep experiments/quickstart.yaml --db "$out/results.db"
build/bin/make_tables "$out/results.db" --out "$out/tables"
echo
echo "database: $out/results.db    tables: $out/tables/"
