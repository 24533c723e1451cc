"""Glue for engines that split tables over processes and machines; each of its modules needs its engine."""
