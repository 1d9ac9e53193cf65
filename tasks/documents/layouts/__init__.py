"""The layouts that a corpus may have."""
