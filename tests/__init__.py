"""The tests of Trackfold: unit (no I/O), contract, integration (broker and database), e2e (real processes)."""
