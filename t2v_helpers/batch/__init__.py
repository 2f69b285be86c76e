"""A clip for every prompt of a file."""
