"""Mutation of the rule tables: each row removed or swapped in turn, and a test must notice (docs/testing.md)."""
