"""Tools beside the product: the trainer of the demo model, and benchmarks."""
