"""Stores of model versions: finds the current version, verifies it, and keeps it up to date."""
