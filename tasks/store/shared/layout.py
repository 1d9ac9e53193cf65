"""Where things are in a bucket; no other module names them.

manifests/<step>/<key>                  the commit point: created once, replaced on condition; empty once it was removed
data/<step>/<key>/<attempt>/<file>      written before it under a name of their own; reached only through a manifest
leases/<step>/<key>                     who seems to be building; saves work and decides nothing
leases/ledger/<model>                   who seems to be deciding about a model's champion
runs/<id>                               what a run has been handed: the roots of gc
ledger/<model>/<created>/<number>       decisions about a registered model, each created once; `created` is when the model was
forgotten/<step>/<key>                  what held a forgotten text: hosts delete their copies
probes/<random>                         traces of the test whether conditions are honoured
clock                                   written to read the bucket's own time
"""

MANIFESTS, DATA, LEASES, RUNS, PROBES, CLOCK = "manifests", "data", "leases", "runs", "probes", "clock"
LEDGER, FORGOTTEN = "ledger", "forgotten"
DATA_PARTS = 5  # of the place of a file


def manifest_place(step: str, key: str) -> str:
    """The object that decides what the artifact of a key is."""
    return f"{MANIFESTS}/{step}/{key}"


def is_manifest(place: str) -> bool:
    """Whether an object below MANIFESTS is one of ours, and not what somebody else has put there."""
    return len(place.split("/")) == len(("manifests", "step", "key"))


def is_forgotten(place: str) -> bool:
    """Whether an object below FORGOTTEN is one of ours."""
    return is_manifest(place)


def lease_place(step: str, key: str) -> str:
    """The object of whoever seems to be building a key."""
    return f"{LEASES}/{step}/{key}"


def data_place(step: str, key: str, attempt: str, name: str = "") -> str:
    """The folder of one attempt at a key, or a file in it."""
    return f"{DATA}/{step}/{key}/{attempt}/{name}"


def run_place(run: str) -> str:
    """The object of a run."""
    return f"{RUNS}/{run}"


def ledger_folder(model: str, created: int) -> str:
    """The folder of the decisions about a registered model; `created`, in milliseconds since 1970, tells registries apart."""
    return f"{LEDGER}/{model}/{created}"


def forgotten_place(step: str, key: str) -> str:
    """The object that tells hosts to delete their copies of an artifact."""
    return f"{FORGOTTEN}/{step}/{key}"


def step_and_key(place: str) -> tuple[str, str]:
    """Step and key of the place of a manifest, a lease, a file or what was forgotten."""
    _, step, key, *_ = place.split("/")
    return step, key
