"""The plain, serialisable words that rooms say to one another: requests, jobs, events, pictures, infotext.

The room knows neither tensors nor screens.
"""
