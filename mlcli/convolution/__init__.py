"""Convolution and pooling in NumPy (section 8 of the notes).

Tensors are (m, n_ch, n_h, n_w): examples first, then the notes' (n_h, n_w, n_ch) with the channel
in front, so that flattening gives the order of (8.24), channel outermost.
"""
