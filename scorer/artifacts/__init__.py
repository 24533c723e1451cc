"""A coefficient file as what other tools load. Writing it takes numpy and the standard library alone."""
