"""Logistic regression (section 5 and appendix C of the notes): one idea a module."""
