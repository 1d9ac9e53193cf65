"""Slices of the test rows (a column's value, a length, a script, a source, a name) and how the model does on each."""
