"""Benchmarks: ratios of things measured in turns within one run. `python -m bench --help`."""
