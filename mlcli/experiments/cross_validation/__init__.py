"""Cross-validated losses of linear models and logistic regression, for `kfold` and `bayes`."""
