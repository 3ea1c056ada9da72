"""Sentences about one package; nothing here does I/O."""
