"""Tests of services/notify without a network."""
