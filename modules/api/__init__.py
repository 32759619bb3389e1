"""HTTP: the application that every route hangs on, its guard, and our own routes. Knows services, not the algorithm."""
