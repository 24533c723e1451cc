"""Load on a running server, wherever it is: python -m bench.load. Every answer is compared with the library's."""
