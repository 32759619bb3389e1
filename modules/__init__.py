"""Atelier's code, in rooms; docs/architecture.md draws them and says which may import which."""
