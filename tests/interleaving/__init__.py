"""Sessions of the status service against one PostgreSQL, in every order of their conflicting steps.

As PostgreSQL's own isolation tester does it, but the statements are those of the code: real consumers, relays, timers
and expiry work on connections that stop before chosen statements (`connections.py`). A step is what lies between two
such stops. A scheduler lets one session at a time take its next step (`stepping.py`); a step that waits for a lock
stays under way, and the others go on (`pg_blocking_pids` tells). What a case must end in is not written down twice:
every order must end as the same sessions do one after the other (`judging.py`).
"""
