"""What a broker can do that not every broker can: a test names what it needs, a broker what it has.

A flag of the broker's kind, never a guess at run time: a broker that lies about a capability must fail the probe suite.
"""

CAPABILITIES = {
    "compaction": "old records of a key leave a compacted topic",
    "partitions": "partitions can be added to a topic (create_partitions)",
    "delete_records": "the start of a log can be moved up",
    "replicas": "three brokers, of which one may die",
    "acl": "a principal can be refused a topic",
    "end_offsets": "the answer to 'latest offset' is right",
    "groups": "a group is dealt anew when a member joins, and tells who owns what",
    "idempotence": "enable_idempotence=True works",
}

EMBEDDED: frozenset[str] = frozenset()
CONTAINER = frozenset(CAPABILITIES) - {"replicas"}
APACHE = frozenset(CAPABILITIES)
