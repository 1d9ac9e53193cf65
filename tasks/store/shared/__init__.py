"""The shared tier of the store: artifacts in a bucket, of which the store of a data root is a verified cache."""
