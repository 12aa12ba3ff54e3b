"""Bayesian linear regression (appendix B of the notes), on small R factors instead of rows.

With [Phi t] = Q R everything that appendix B asks of the data is in R and the number of rows:
posterior, evidence and predictions cost the same for a hundred rows and for a hundred million.
"""
