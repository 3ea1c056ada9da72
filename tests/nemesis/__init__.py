"""The nemesis: every fault of the catalog, each alone in a test, on real brokers, databases and processes."""
