"""Offline: the notebook's model → a coefficient file. Run from the repository; never imported by scorer."""
