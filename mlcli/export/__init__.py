"""Trained models as files of other formats, each checked by running it."""
