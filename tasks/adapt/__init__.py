"""Pretrained weights trained on with the corpus' own text, before a classifier starts from them."""
