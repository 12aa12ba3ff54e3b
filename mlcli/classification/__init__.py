"""Logistic regression and the perceptron in NumPy (section 5 and appendix C of the notes)."""
