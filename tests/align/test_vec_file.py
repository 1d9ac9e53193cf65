from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors

from tasks.align.vec_file import write_word2vec_text


def test_text_vectors_read_back_as_the_same_floats(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).standard_normal((5000, 3)).astype(np.float32) * np.float32(10) ** np.arange(-9, 12, 7)
    matrix[0] = [0.0, -1e-30, 3e38]
    words = [f"w{number}" for number in range(5000)]
    write_word2vec_text(words, matrix.astype(np.float32), tmp_path / "v.vec")
    keyed = KeyedVectors.load_word2vec_format(str(tmp_path / "v.vec"))
    assert keyed.index_to_key == words
    assert np.array_equal(keyed.vectors, matrix.astype(np.float32))
