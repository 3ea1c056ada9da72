"""Proofs of delivery: photos, signatures and letters, taken out of webhooks before Kafka (docs/carriers/proofs.md).

`taking.py` puts each into one store under the hash of its bytes and a reference into the body; `images.py` decides what
is kept and takes everything hidden out of it; `retention.py` and `erasure.py` delete.
"""
