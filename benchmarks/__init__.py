"""Benchmarks: cost beside a reference, measured in one run (ratios; absolute figures do not carry over)."""
