"""Labels that people give beside a corpus: read back from tables, sheets and Label Studio, kept, joined by what a text says."""
