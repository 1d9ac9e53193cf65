"""Forget texts on request: find what holds them, delete it, and refuse them when they come again."""
