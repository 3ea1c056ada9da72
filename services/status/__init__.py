"""Status: folds scans and order events into one state per parcel and order, and publishes every change."""
