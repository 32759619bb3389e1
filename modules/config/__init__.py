"""Settings table, paths, command line, and how a file of ours is written. Standard library only.

The room knows nothing of models, pictures or screens, and reads nothing at import: launch.py uses it before any
package is installed.
"""
