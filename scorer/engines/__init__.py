"""Glue for engines that split tables over processes and machines. Each module needs its engine; none is imported here."""
