"""The durable queue, the worker that empties it, and the events of running jobs.

The room knows neither pictures nor models: a job is a request as text, and a function that carries it out.
"""
