"""A new project for data of the user: the proposed stages and parameters, and its files."""
