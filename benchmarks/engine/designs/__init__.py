"""One file a design, each a program: `python -m benchmarks.engine.designs.NAME CONFIG.json [--prepare]`."""
