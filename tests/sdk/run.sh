#!/usr/bin/env bash
# Drives the simulated gateway with the real SDKs, each in a virtual environment of its own.
# Without a Python that they run on there is nothing to do: one sentence, exit code 0.
set -euo pipefail
cd "$(dirname "$0")/../.."

# A candidate is run, not looked up: version managers leave shims that exist and fail.
enough='import sys; sys.version_info < (3, 12) and sys.exit(1); print(sys.executable)'
find_python() {
  local name version
  for name in python3.12 python3 python3.13 python3.14; do
    "$name" -c "$enough" 2>/dev/null && return
  done
  for version in $(pyenv versions --bare 2>/dev/null | grep -E '^3\.1[2-9]'); do
    PYENV_VERSION=$version "python${version%.*}" -c "$enough" 2>/dev/null && return
  done
}

python=$(find_python || true)
if [ -z "$python" ]; then
  echo "test-sdk: skipped, because the SDKs need Python 3.12 or newer and none was found."
  exit 0
fi

drive() { # drive VERSION: the tests, in that SDK's environment
  local venv=.venv-sdk-$1
  if [ ! "$venv/.ready" -nt tests/sdk/run.sh ]; then # what it installs stands here
    echo "Setting up $venv ..."
    "$python" -m venv "$venv"
    # shellcheck disable=SC2046 # one word for each pinned package is what pip wants
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check "sie-sdk==$1" \
      $(grep -E '^pytest(-timeout|-xdist)?==' constraints.txt)
    touch "$venv/.ready"
  fi
  # The project's own pytest settings and fixtures need packages that this environment lacks.
  BENCH_SDK=$1 BENCH_PYTHON=.venv/bin/python "$venv/bin/python" -m pytest tests/sdk \
    -c /dev/null --rootdir . --confcutdir tests/sdk -p no:cacheprovider --timeout 120 --quiet -n 2 --dist worksteal
}

for version in 0.4.1 0.10.1; do
  echo "sie-sdk $version:"
  drive "$version"
done
