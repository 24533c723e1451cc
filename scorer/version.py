"""The version of this package. A module of its own, so that any other can name it without importing the package."""

__version__ = "0.3.0.dev0"
