"""Trackfold on one machine: embedded database and broker, catchers, the services under a supervisor, a simulator.

Nothing here runs in production, and no service imports it.
"""
