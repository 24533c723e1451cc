"""Makes coefficient files from the notebook's model, offline. Run from the repository; never imported by scorer."""
