"""Pretrained weights: brought to this machine, verified, and written in the form that is served."""
