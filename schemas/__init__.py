"""The contract: every message that crosses a service boundary, and the words used in it.

The only code that all three services import; it imports nothing of ours. Models are frozen pydantic classes, readers
ignore unknown fields, and open vocabularies are plain strings on the wire, so that a word this version does not know is
kept and moves nothing. `topics.py` lists every topic with its writers and readers; `export.py` generates
`<topic>/v<N>.json` beside the examples that are tests.
"""
