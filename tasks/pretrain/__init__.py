"""Word vectors trained by fastText on the corpus' own text."""
