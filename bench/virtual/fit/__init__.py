"""The efficiencies of a machine profile from measured runs: what `bench simulate` does, backwards.

A process (`python -m bench.virtual.fit`, a `FitJob` on its stdin), because scipy's solver is slow to import.
"""
