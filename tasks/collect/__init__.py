"""Find new documents: in an inbox folder, files anywhere, a feed, or a database; what cannot be read goes to quarantine."""
