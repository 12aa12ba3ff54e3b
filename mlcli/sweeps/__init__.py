"""Many runs of one command over a grid or a random search, and what may be said of the best."""
