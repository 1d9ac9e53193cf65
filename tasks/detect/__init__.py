"""What changed in a stream: surges of negative documents, what drives them, and drift away from the training data."""
