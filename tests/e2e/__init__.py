"""The whole system as real processes, from a webhook to an inbox."""
