"""How a service runs: settings, process life, Kafka, Postgres, HTTP, metrics, logs, links, delivery decisions.

Knows the contract (`schemas`) and no service. A service is wired in its own `app.py` from these parts.
"""
