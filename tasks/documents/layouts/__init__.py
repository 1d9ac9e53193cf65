"""The sources of a corpus: a file for each, and its line in this table.

The names are those of `--ingest.source`. Without one the first layout that fits the request is taken, so that a line for a
special case belongs above the general ones.
"""

from tasks.documents.layout import Layout
from tasks.documents.layouts.folder import FolderLayout
from tasks.documents.layouts.imdb import ImdbLayout
from tasks.documents.layouts.parquet_folder import ParquetFolder
from tasks.documents.layouts.saved_dataset import SavedDataset
from tasks.documents.layouts.table import TableLayout
from tasks.documents.layouts.torchtext import TorchtextLayout

LAYOUTS: dict[str, type[Layout]] = {
    "torchtext": TorchtextLayout,
    "imdb": ImdbLayout,
    "datasets": SavedDataset,
    "parquet": ParquetFolder,
    "folder": FolderLayout,
    "table": TableLayout,
}
