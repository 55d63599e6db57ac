"""The measuring core: Locust users, the engine thread, pool control; run as `python -m bench.drive`."""

import locust  # noqa: F401 - patches the process, which must happen before anything else is imported
