"""A name or a file becomes a `Dataset`; only NumPy is loaded until something else is needed."""
