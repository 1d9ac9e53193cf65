"""Training on from a name's champion: which rows are new to it, where it comes from, and what that does to earlier batches."""
