"""One file per channel; `registry.py` lists them, `base.py` says what a channel is."""
