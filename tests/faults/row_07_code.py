"""Loading a model, vectors, a cache record or a report runs no pickle and no foreign code.

The commands run as a user runs them, in a process with an audit hook (PEP 578) that writes down every class that a pickle asks
for and every piece of code that comes from a file which is neither Python's, a library's, textmill's nor the verified
package's. They do real work there: all steps are built, twice, the second time on other rows; a version is promoted and rolled
back from. Two trials plant a pickle and a foreign file into such a command and fail if the hook does not tell of it. The
malicious files would each write a canary if anything in them was run.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import pickle
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tasks.align.readers import VectorFile, read_vectors
from tasks.checkout import CHECKOUT
from tasks.errors import RequestError
from tasks.register.load import DamagedPackage, open_package
from tasks.register.models import load_model
from tasks.store.artifact import MANIFEST, DamagedArtifact, Store
from tasks.tracking.tracker import Tracker
from tests.faults.trained import KNOBS, make_corpus, textmill, trained

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

NUMBER = 7
PROMISE = (
    "Training, evaluating, scoring, promoting, rolling back and verifying unpickle nothing (0 `pickle.find_class`) and run no "
    "code but Python's, libraries', textmill's and the verified package's; malicious vector files are refused; a registered "
    "version or a package with any changed, added or missing file is refused by its digest"
)
TAKEN_OUT = (
    "`Registry.verify` and `load._verified` compare nothing: 6 of 6 trials on a registered version fail; the audit hook is not "
    "installed: 2 of the 2 trials that plant something for it to tell of"
)
LIMIT_SECONDS = 600  # of the two trainings in one trial, where other processes want the machine too

HOOK = """
import os, sys
from pathlib import Path
log = open(sys.argv[1], "a", buffering=1)
known = tuple({str(Path(p).resolve()) for p in (sys.prefix, sys.base_prefix, *sys.argv[2:4])}) + ("<",)
def hook(event, arguments):
    if event == "pickle.find_class":
        log.write(f"{event} {arguments}\\n")
    elif event == "exec":
        name = arguments[0].co_filename
        if not name.startswith(known) and not os.path.realpath(name).startswith(known):
            log.write(f"{event} {name}\\n")
sys.addaudithook(hook)
del sys.argv[:4]
sys.argv.insert(0, "textmill")
"""
MAIN = """
from flows.commands.main import main
main()
"""
PLANTED = {
    "pickle.find_class": "import pickle, fractions; pickle.loads(pickle.dumps(fractions.Fraction))",
    "exec": "import runpy; runpy.run_path('{folder}/foreign.py')",
}
BUILT = ("ingest", "prepare", "pretrain", "align", "finetune", "yardstick", "evaluate", "slices", "package", "register")


class Malicious:
    """Writes a canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.canary}'",)


def watched(
    folder: Path, root: Path, artifacts: Path, words: list[str], *, planted: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """Run a command in a process with the hook; what it says in JSON, and what the hook tells."""
    log = folder / "audit.txt"
    log.write_text("")
    program = [sys.executable, "-c", HOOK + planted + MAIN, str(log), str(CHECKOUT), str(artifacts)]
    done = textmill(root, [*program, *words, "--json", "--runtime.data-root", str(root)])
    return json.loads(done.stdout), log.read_text().splitlines()


@functools.cache
def two_versions() -> tuple[Path, list[str]]:
    """A data root where a model was trained under the hook, and again on other rows; and what the hook told of that."""
    folder = Path(tempfile.mkdtemp(prefix="textmill-audited-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    root, told = folder / "root", []
    for number, decision in ((1, "first"), (2, "promoted")):
        corpus = make_corpus(folder / str(number), 40 + 10 * number)
        words = ["train", "--name", "news", "--ingest.path", str(corpus), "--register.margin", "0.99", "--runtime.workers", "1"]
        knobs = [knob for knob in KNOBS if knob != "--json"]
        result, noted = watched(folder, root, root / "mlflow" / "artifacts", [*words, *knobs])
        built = [step for step, stage in result["stages"].items() if not stage["cached"]]
        if (result["decision"], set(built)) != (decision, set(BUILT)):
            raise AssertionError(f"version {number}: {result['decision']}, built were {built}")
        told += noted
    return root, told


def training(random: Random, folder: Path) -> str | None:
    """Train and evaluate twice, with nothing cached."""
    _, told = two_versions()
    return f"{len(told)} times: {told[0]}" if told else None


def promotion(random: Random, folder: Path) -> str | None:
    """Promote the first version and roll back from it."""
    root, _ = two_versions()
    told = []
    for words, decision, version in ((["promote", "1"], "promoted", 1), (["rollback"], "rollback", 2)):
        made, noted = watched(folder, root, root / "mlflow" / "artifacts", ["models", *words])
        if (made["decision"], made["version"]) != (decision, version):
            return f"{words}: {made}"
        told += noted
    return f"{len(told)} times: {told[0]}" if told else None


def command(words: list[str], random: Random, folder: Path, *, planted: str = "") -> str | None:
    """Run a command that only reads the registry on a copy of a finished run; wrong is whatever the hook tells of it."""
    root = copied(folder)
    (folder / "texts.txt").write_text("profit rose\nprofit fell\n")
    filled = [word.format(folder=folder) for word in words]
    _, told = watched(folder, root, trained() / "mlflow" / "artifacts", filled, planted=planted)
    return f"{len(told)} times: {told[0]}" if told else None


def seen(event: str, random: Random, folder: Path) -> str | None:
    """What is planted into a command; wrong is a hook that tells nothing of it, or of another thing."""
    (folder / "foreign.py").write_text("x = 1\n")
    told = command(COMMANDS["predict"], random, folder, planted=PLANTED[event].format(folder=folder))
    return None if told is not None and told.startswith(f"1 times: {event} ") else f"the hook said: {told}"


def copied(folder: Path) -> Path:
    """A copy of the finished run; the files of its models are read where its database names them, in the first one."""
    root = folder / "root"
    shutil.copytree(trained(), root, symlinks=True)
    return root


def pickled_vectors(path: Path, canary: Path) -> None:
    path.write_bytes(pickle.dumps(Malicious(canary)))


def object_array(path: Path, canary: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([Malicious(canary)], dtype=object), allow_pickle=True)


def object_arrays(path: Path, canary: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, words=np.array(["a"]), vectors=np.array([Malicious(canary)], dtype=object))


def torch_file(path: Path, canary: Path) -> None:
    torch.save({"weights": Malicious(canary)}, path)


def old_torch_file(path: Path, canary: Path) -> None:
    torch.save({"weights": Malicious(canary)}, path, _use_new_zipfile_serialization=False)


def gzipped_pickle(path: Path, canary: Path) -> None:
    import gzip

    path.write_bytes(gzip.compress(pickle.dumps(Malicious(canary))))


def zipped_pickle(path: Path, canary: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vectors/data.pkl", pickle.dumps(Malicious(canary)))


def python_source(path: Path, canary: Path) -> None:
    path.write_text(f"__import__('pathlib').Path({str(canary)!r}).touch()\n")


def lying_safetensors(path: Path, canary: Path) -> None:
    path.write_bytes((1 << 40).to_bytes(8, "little") + b"{}")


def lying_fasttext(path: Path, canary: Path) -> None:
    path.write_bytes((793712314).to_bytes(4, "little") + (12).to_bytes(4, "little") + b"\xff" * 300)


def lying_word2vec(path: Path, canary: Path) -> None:
    path.write_bytes(b"999999999999 999999\nword " + bytes(100))


def lying_npy(path: Path, canary: Path) -> None:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), 'x': __import__('os').system('touch %s')}" % bytes(canary)
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)


VECTORS: list[Callable[[Path, Path], None]] = [
    pickled_vectors,
    object_array,
    object_arrays,
    torch_file,
    old_torch_file,
    gzipped_pickle,
    zipped_pickle,
    python_source,
    lying_safetensors,
    lying_fasttext,
    lying_word2vec,
    lying_npy,
]
SUFFIXES = [".vec", ".bin", ".txt", ".npy", ".npz", ".safetensors", ".pkl", ".model", ".kv", ".pt", ".gz", ".zip"]


def vectors(make: Callable[[Path, Path], None], random: Random, folder: Path) -> str | None:
    """A file of vectors, whatever it calls itself."""
    path, canary = folder / f"vectors{random.choice(SUFFIXES)}", folder / "canary"
    make(path, canary)
    try:
        read_vectors(VectorFile(path), ["word", "a"], folder)
    except RequestError as error:
        return (
            "it ran" if canary.exists() else None if "\n" not in str(error) else f"it was refused in more than a line: {error}"
        )
    return f"{path.name} was read"


def tampered_version(random: Random, folder: Path) -> str | None:
    """A registered version: no file of it can be changed, added or removed without being noticed before it is loaded."""
    artifacts = trained() / "mlflow" / "artifacts"
    before = folder / "whole"
    shutil.copytree(artifacts, before)
    try:
        files = sorted(
            path
            for path in artifacts.rglob("*")
            if path.is_file() and ("/package/" in str(path) or path.name == "pyfunc_model.py")
        )
        tamper(random, random.choice(files), folder / "canary")
        load_model(Tracker.open(None, trained(), CHECKOUT, None))
    except RequestError as error:
        return "it ran" if (folder / "canary").exists() else None if "\n" not in str(error) else f"{error}"
    finally:
        shutil.rmtree(artifacts)
        shutil.copytree(before, artifacts)
    return "it was loaded"


def tampered_package(random: Random, folder: Path) -> str | None:
    """The package itself, as the served model opens it, with the digest that stands in its model's configuration."""
    import hashlib

    package = next(path for path in (trained() / "mlflow" / "artifacts").rglob("package.json")).parent
    own = folder / "package"
    shutil.copytree(package, own)
    digest = hashlib.sha256((own / "package.json").read_bytes()).hexdigest()
    tamper(random, random.choice(sorted(path for path in own.rglob("*") if path.is_file())), folder / "canary")
    try:
        open_package(own, digest)
    except (DamagedPackage, ValueError):
        return "it ran" if (folder / "canary").exists() else None
    return "it was opened"


def stored_record(random: Random, folder: Path) -> str | None:
    """A cache record that is a pickle, or claims to be another's: the store takes it for damaged and runs nothing."""
    step = random.choice(sorted(path for path in (trained() / "store").glob("[!.]*/*")))
    root = folder / "root"
    own = root / "store" / step.parent.name / step.name
    shutil.copytree(step, own)
    canary = folder / "canary"
    content = random.choice(
        [
            pickle.dumps(Malicious(canary)),
            json.dumps({"__class__": "os.system"}).encode(),
            b"!!python/object/apply:os.system [x]",
        ]
    )
    (own / MANIFEST).write_bytes(content)
    try:
        Store(root).verify(step.parent.name, step.name)
    except DamagedArtifact:
        return "it ran" if canary.exists() else None
    return "it was believed"


def tamper(random: Random, path: Path, canary: Path) -> None:
    """Change, add or remove a file; code would write the canary."""
    code = f"import pathlib; pathlib.Path({str(canary)!r}).touch()\n"
    what = random.choice(["change", "add", "byte code", "remove", "pickle", "swap"])
    if what == "remove":
        path.unlink()
    elif what == "add":
        path.with_name(random.choice(["numpy.py", "sitecustomize.py", "more.safetensors"])).write_text(code)
    elif what == "byte code":
        cache = path.parent / "inner"
        cache.mkdir()
        (cache / "x.cpython-311.pyc").write_bytes(b"\xa7\r\r\n" + bytes(12))
    elif what == "pickle":
        path.write_bytes(pickle.dumps(Malicious(canary)))
    elif what == "swap" and len(
        siblings := [each for each in path.parent.iterdir() if each.is_file() and each.read_bytes() != path.read_bytes()]
    ):
        shutil.copy(random.choice(siblings), path)
    elif path.suffix == ".py":
        path.write_text(code + path.read_text())
    else:
        data = bytearray(path.read_bytes() or b"\0")
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        path.write_bytes(data)


COMMANDS = {
    "predict": ["predict", "profit rose"],
    "score": ["score", "{folder}/texts.txt", "{folder}/out.parquet"],
    "list": ["models", "list"],
    "verify": ["models", "verify"],
}
DRAWN = {"tampered version": tampered_version, "tampered package": tampered_package, "stored record": stored_record}
CASES: dict[str, Callable[[Random, Path], str | None]] = {
    **{make.__name__.replace("_", " "): functools.partial(vectors, make) for make in VECTORS},
    **{f"{name} {number}": case for number in range(12) for name, case in DRAWN.items()},
    **{f"textmill {name}": functools.partial(command, words) for name, words in COMMANDS.items()},
    **{f"the hook sees {event}": functools.partial(seen, event) for event in PLANTED},
    "textmill train and evaluate": training,
    "textmill models promote and rollback": promotion,
}
COUNT = len(CASES)
