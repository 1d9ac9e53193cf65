"""A program that labels texts without this project: it opens the package in argv[1], and prints what that says of argv[2]."""

PROGRAM = """
import json, sys
from pathlib import Path
from types import ModuleType

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in OUT_OF_REACH:
            raise ImportError(name + " is out of reach")

sys.meta_path.insert(0, Blocker())
folder = Path(sys.argv[1])
loader = ModuleType("loader")
exec((folder / "load.py").read_text(), loader.__dict__)
model = loader.open_package(folder).TextClassifier(folder)
print(json.dumps([prediction["probabilities"] for prediction in model.predict(json.loads(sys.argv[2]))]))
assert not any(name.partition(".")[0] in OUT_OF_REACH for name in sys.modules)
"""


def stranger(*out_of_reach: str) -> str:
    """The program, for a process that can import neither the project nor these packages."""
    return f"OUT_OF_REACH = {('tasks', 'flows', *out_of_reach)}\n{PROGRAM}"
