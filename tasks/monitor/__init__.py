"""The memory of a monitor between refreshes: scored documents, aggregates, alerts and the outbox."""
