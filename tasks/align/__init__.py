"""Vocabulary, vectors and the matrix that neural models start from."""
