"""The error of a part that cannot be had on this machine; the run ends with it when the part was asked for."""


class UnavailableError(RuntimeError):
    """Says what is missing and what would mend it."""
