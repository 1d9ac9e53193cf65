"""Where things are in a bucket; no other module names them.

manifests/<step>/<key>                  the commit point: created once, replaced on condition; empty once it was removed
data/<step>/<key>/<attempt>/<file>      written before it under a name of their own; reached only through a manifest
leases/<step>/<key>                     who seems to be building; saves work and decides nothing
runs/<id>                               what a run has been handed: the roots of gc
probes/<random>                         traces of the test whether conditions are honoured
clock                                   written to read the bucket's own time
"""

MANIFESTS, DATA, LEASES, RUNS, PROBES, CLOCK = "manifests", "data", "leases", "runs", "probes", "clock"
DATA_PARTS = 5  # of the place of a file


def manifest_place(step: str, key: str) -> str:
    """The object that decides what the artifact of a key is."""
    return f"{MANIFESTS}/{step}/{key}"


def is_manifest(place: str) -> bool:
    """Whether an object below MANIFESTS is one of ours, and not what somebody else has put there."""
    return len(place.split("/")) == len(("manifests", "step", "key"))


def lease_place(step: str, key: str) -> str:
    """The object of whoever seems to be building a key."""
    return f"{LEASES}/{step}/{key}"


def data_place(step: str, key: str, attempt: str, name: str = "") -> str:
    """The folder of one attempt at a key, or a file in it."""
    return f"{DATA}/{step}/{key}/{attempt}/{name}"


def run_place(run: str) -> str:
    """The object of a run."""
    return f"{RUNS}/{run}"


def step_and_key(place: str) -> tuple[str, str]:
    """Step and key of the place of a manifest, a lease or a file."""
    _, step, key, *_ = place.split("/")
    return step, key
