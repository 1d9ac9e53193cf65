"""Vectors of texts: each text of a corpus read once by a pretrained network."""
