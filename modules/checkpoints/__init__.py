"""From a file or folder to a loaded model in memory: registry, cards, loading, device and precision, cache.

The room knows neither jobs nor requests.
"""
