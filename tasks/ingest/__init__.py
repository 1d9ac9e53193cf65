"""Read a corpus from where it is: every record ends up in the corpus table or, with a reason, in quarantine."""
