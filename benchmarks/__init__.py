"""Benchmarks: each prints its figures beside those of another program or a floor of the same run."""
