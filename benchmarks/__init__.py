"""Speed, memory and accuracy of edgekit beside the documented routes: ``python -m benchmarks``."""
