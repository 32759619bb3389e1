"""The algorithm of each task, in numbered steps. The room knows neither jobs nor files nor screens."""
