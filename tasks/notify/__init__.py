"""Tell whoever is to be told: alerts leave the outbox through channels, at least once each."""
