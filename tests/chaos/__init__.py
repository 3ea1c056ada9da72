"""Chaos: all faults mixed at random under load, seeded, judged by the oracle: `make chaos SECONDS=1200 SEED=7`."""
