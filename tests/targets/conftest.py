"""Real servers, started by run.sh; without it there is nothing to test here."""

import os

collect_ignore_glob = [] if os.environ.get("BENCH_TARGETS") else ["test_*.py"]
