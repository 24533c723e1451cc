"""How many replicas a load needs: a queue simulated with measured service times, and compared with measured runs."""
