"""Networks in PyTorch: the only room that knows torch."""
