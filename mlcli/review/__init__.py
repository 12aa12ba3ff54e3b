"""Finished runs read again: held to gates, compared with each other, made anew and compared."""
