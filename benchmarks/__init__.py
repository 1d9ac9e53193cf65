"""Measurements of textmill and of what others would use, each figure with the command that made it."""
