"""Registered models as folders for other programs, each with a certificate that says how far its answers are the model's."""
