"""Made-up and broken input for what strangers can reach: the verifiers, the parsers, and the door before them."""
