"""A library's own tests, run with and without observers: they must not be able to tell."""
