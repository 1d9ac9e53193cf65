"""The MLflow server that `textmill up` starts: MLflow's app behind a guard that wants the password.

    python -m flows.servers.mlflow_server PORT PASSWORD_FILE

with the store in the environment, see tasks/tracking/server.py.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flows.servers.guard import serve_guarded
from flows.servers.server import login
from tasks.garbage import collect_seldom
from tasks.tracking.server import load_app

if __name__ == "__main__":
    collect_seldom()
    os.umask(0o077)
    serve_guarded(load_app(), port=int(sys.argv[1]), login=login(Path(sys.argv[2]))).run()
