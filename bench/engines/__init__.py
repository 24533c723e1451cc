"""What rows cost on Spark, in `scorer score`, polars and the notebook's way, and what a billion rows would take."""
