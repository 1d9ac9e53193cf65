"""A recipe on folds of its rows, and the search for a better one."""
