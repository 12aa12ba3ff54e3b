"""A new project of somebody's own data: what is proposed for it, and its files."""
