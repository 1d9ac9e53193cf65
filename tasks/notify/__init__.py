"""Send alerts: each leaves the outbox through its channels, at least once."""
