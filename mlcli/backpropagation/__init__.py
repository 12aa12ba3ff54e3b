"""A fully connected network in NumPy (sections 6.2-6.4 and 7 of the notes).

Rows are examples, so Z is (m_B, n): the transpose of (6.37), whose entries of W are w_kj and not
the printed delta_kj. float32 in gives float32 out, float64 gives float64.
"""
