"""What the service tells of its requests: logs, counters, and the text that Prometheus scrapes."""
