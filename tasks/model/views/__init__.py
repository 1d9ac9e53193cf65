"""The views that a model may be a sum of, each in the module of its kind's name."""
