"""Ingest: a carrier's webhook in, scans in our words out. No database, no state of its own.

Two halves in one process: HTTP to `carrier.webhooks.v1` (`http.py`, `handler.py`) and from there to
`carrier.scans.v1` (`consumer.py`, `normalise.py`). What a provider's bytes mean stands in `carriers/`, one file each.
"""
