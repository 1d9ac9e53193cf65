"""Reading documents: the one record, the readers of every kind of file, and the layouts a corpus may have."""
