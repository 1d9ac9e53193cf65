"""Flows and the command line: what chains the steps and what starts them."""
