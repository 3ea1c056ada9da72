"""Unit tests of services/ingest."""
