"""Clients of the providers' APIs: registering numbers, reading what a provider knows, ending."""
