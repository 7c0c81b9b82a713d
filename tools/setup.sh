#!/usr/bin/env bash
# Installs what is missing to build and run seqsweep on Debian or Ubuntu, as root or with sudo:
# Debian packages through apt, LibTorch and Open MPI from PyPI into .venv of this checkout. Quick when
# nothing is missing; needs no network then.
#
# Your own LibTorch or MPI: put their prefixes on CMAKE_PREFIX_PATH (colon-separated), as in
#   CMAKE_PREFIX_PATH=/opt/libtorch:/opt/openmpi tools/setup.sh
# What is found there is not installed again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(g++ cmake ninja-build ccache python3-venv python3-pip curl unzip
          libyaml-cpp-dev libfmt-dev libsqlite3-dev libsqlitecpp-dev libcli11-dev nlohmann-json3-dev
          libgtest-dev libgmock-dev libsimdjson-dev zlib1g-dev libssl-dev libpcre2-dev libutf8proc-dev
          libcpp-httplib-dev libbrotli-dev pkg-config sqlite3 gnuplot-nox)

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
      printf '%s\n' "$package"
  done
}

install_packages() {
  local missing as_root=()
  mapfile -t missing < <(missing_packages)
  [ "${#missing[@]}" -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "setup: missing packages: ${missing[*]}; run as root, or install them and start again" >&2
      exit 2
    }
    as_root=(sudo)
  fi
  echo "setup: installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

in_prefix_path() {  # in_prefix_path FILE...: is one of the files under a prefix of CMAKE_PREFIX_PATH?
  local prefix file
  IFS=: read -ra prefixes <<<"${CMAKE_PREFIX_PATH:-}"
  for prefix in "${prefixes[@]}"; do
    for file in "$@"; do [ -e "$prefix/$file" ] && return 0; done
  done
  return 1
}

install_wheels() {
  local wanted=() line
  while read -r line; do
    case "$line" in
      torch==*) in_prefix_path include/ATen/ATen.h || wanted+=("$line") ;;
      openmpi==*) in_prefix_path bin/mpicxx || wanted+=("$line") ;;
    esac
  done <tools/requirements.txt
  [ "${#wanted[@]}" -eq 0 ] && return
  [ "$(cat .venv/seqsweep-wheels 2>/dev/null)" = "${wanted[*]}" ] && return
  echo "setup: installing ${wanted[*]} into .venv (some minutes, 5 GB)"
  [ -x .venv/bin/pip ] || python3 -m venv .venv
  .venv/bin/pip install -q --disable-pip-version-check "${wanted[@]}"
  echo "${wanted[*]}" >.venv/seqsweep-wheels
}

install_packages
install_wheels
