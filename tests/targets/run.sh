#!/usr/bin/env bash
# Loads real servers on loopback and holds what was recorded against the bytes they sent.
#   tests/targets/run.sh SCRIPT [WORKDIR] [NAME...]
# SCRIPT starts and stops servers (`SCRIPT install|start|stop NAME`, into $WORKDIR); it is no part of the project.
# Without names: sie-lite, guidellm-lite and tf-serve, which need no compiler (about 2 GB); llama-server compiles
# for half an hour. Too large for every test run, so this is started by hand: make test-targets.
set -euo pipefail
cd "$(dirname "$0")/../.."

script=${1:-../shared/tools/targets/targets.sh}
export WORKDIR=${2:-$PWD/.venv-targets}
names=("${@:3}")
[ ${#names[@]} -gt 0 ] || names=(guidellm-lite sie-lite tf-serve)
if [ ! -x "$script" ]; then
  echo "test-targets: skipped, because there is no $script to start real servers with."
  exit 0
fi

declare -A tests=([sie-lite]=sie [tf-serve]=transformers [llama-server]=llama [guidellm-lite]=guidellm)
# The real server's chat model asks a second server, which is this mock.
export CHAT_BASE_URL=http://127.0.0.1:18095/v1 CHAT_MODEL=mock
started=()
stop() { for name in "${started[@]}"; do "$script" stop "$name"; done; }
trap stop EXIT
for name in "${names[@]}"; do
  [ -e "$WORKDIR/.installed-$name" ] || "$script" install "$name"
  touch "$WORKDIR/.installed-$name"
  "$script" start "$name"
  started+=("$name")
done
wanted=$(printf ' or %s' "${names[@]/#/}")
for name in "${!tests[@]}"; do wanted=${wanted//$name/${tests[$name]}}; done
BENCH_TARGETS=1 .venv/bin/python -m pytest tests/targets -n 0 -s -q -k "${wanted# or }"
