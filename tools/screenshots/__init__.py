"""The pictures of the page in the documentation: `python -m tools.screenshots docs/images`."""
