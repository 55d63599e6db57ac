#!/bin/sh
# The figure of docs/answers, made anew with everything under it; about ten minutes, most of them of cold starts.
set -eu
cd "$(dirname "$0")/../.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
.venv/bin/bench capacity docs/answers/chat.yaml --profile l4 --profile a100-40gb --simulate --no-report \
  --out "$place/capacity"
.venv/bin/bench plan --demand docs/answers/demand.csv --capacity "$place/capacity" \
  --start l4=300 --start a100-40gb=300 --out "$place/plan"
.venv/bin/bench provision scenarios/cold-start.yaml --profile l4 --repeat 10 --out "$place/provision"
cp "$place/capacity/search.json" "$place/plan/plan.json" "$place/provision/provision.json" docs/answers
.venv/bin/python -m bench.report.answers docs/answers
