"""One pure file per provider: how it signs, what its codes mean. The list of them is `registry.py`."""
