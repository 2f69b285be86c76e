"""What maintainers run, from the repository's root: `python -m tools.<folder>.<name>`, or a target of the Makefile."""
