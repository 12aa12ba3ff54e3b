"""mlcli: the fundamentals of machine learning as reproducible experiments on the command line."""

__version__ = "0.1.0"
