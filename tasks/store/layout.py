"""The folders of a store, see artifact.py; no other module names them."""

STORE = "store"  # below the data root
BUILDING, SCRATCH, DAMAGED, LOCKS = ".building", ".scratch", ".damaged", ".locks"
FINGERPRINTS = ".fingerprints.sqlite"
SHARED_WITH = ".shared"  # the addresses of buckets, a line each
