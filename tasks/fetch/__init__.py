"""Training data from where it is: a database or a place that fsspec reaches, brought into a file that ingest reads."""
