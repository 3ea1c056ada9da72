"""Tools that break things on purpose, for tests: brokers, wires, databases, limits, clocks. Each says how it heals."""
