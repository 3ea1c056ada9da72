"""Tells customers: reads order events and status messages, sends e-mails and SMS, each once.

`policy.py`, `verdict.py`, `contacts.py`, `addresses.py` and `facts.py` are pure; `repository.py`, `relay.py` and
`restoring.py` have all SQL; `sender.py` is the only caller of channels. A contact leaves the schema `notify` only into
the message itself.
"""
