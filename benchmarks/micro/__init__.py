"""Programs that measure one part of textmill, each beside what it replaces, and print one JSON line."""
