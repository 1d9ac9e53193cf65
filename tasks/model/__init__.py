"""All that is served of a model, and nothing else: every model carries a copy of this folder."""
