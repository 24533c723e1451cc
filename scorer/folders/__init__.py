"""Directories, and prefixes of object stores: their files are listed, read, and written so that they appear whole."""
