"""Clean, tokenize, find duplicates, split: a corpus becomes a dataset, a holdout, and the texts beside each."""
