"""Which rows are worth a person's time: labels that are probably wrong, and texts that would teach a model most."""
