"""What a monitor remembers between refreshes: scored documents, aggregates, alerts and the outbox."""
