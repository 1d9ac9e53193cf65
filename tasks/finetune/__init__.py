"""The classifier: models that read tokens, the loop that trains them, and the reader that serves them."""
