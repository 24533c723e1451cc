"""Bytes → rows → bytes. Knows nothing of servers."""
