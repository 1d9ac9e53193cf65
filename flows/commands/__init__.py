"""The commands of `textmill`."""
