"""What is expected of a corpus, checked before anything is trained on it."""
