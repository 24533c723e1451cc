"""Servers that a user might write or choose instead of this project. Each answers POST /predict as the scorer does."""
