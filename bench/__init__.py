"""Benchmarks: they measure the figures in the docs."""
