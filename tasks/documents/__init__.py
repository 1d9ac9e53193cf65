"""What documents are read from: the pieces that ingest, score and collect share."""
