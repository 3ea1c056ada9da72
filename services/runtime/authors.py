"""Who gives an operator's command: what is changed on purpose is written down with a name."""

import getpass


def who(given: str | None) -> str:
    """Return the name that was given, by default that of this machine's user; empty where nobody has one.

    What follows from an empty one is the command's own: it has to ask for `--author`.
    """
    if given is not None:
        return given.strip()
    try:
        return getpass.getuser().strip()
    except (KeyError, OSError):  # a container's user without a name
        return ""
