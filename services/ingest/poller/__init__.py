"""The poller: which parcels are open, who is asked about them and when, and what providers were heard to say."""
