"""Clean, tokenize, find duplicates, split: a corpus becomes a dataset and a holdout."""
