"""The content-addressed store: what a step made is kept under the digest of all that went into it."""
