"""Trained models, read back from run folders: arrays in, predictions out, no code in between."""
