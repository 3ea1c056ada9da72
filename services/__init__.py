"""The processes of Trackfold, one package per service.

Messages flow ingest -> Kafka -> status -> Kafka -> notify; the services share `schemas` (facts) and `runtime` (how a
process runs) and never import each other. `local` and `cli` stand above them.
"""
