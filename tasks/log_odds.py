"""Which words one text has more of than another: the log-odds ratio with an informative Dirichlet prior.

Monroe, Colaresi and Quinn 2008, "Fightin' Words": as a normal deviate it favours, unlike differences of frequency, neither
the most frequent words nor the rarest.

Shapes: V distinct words.
"""

from __future__ import annotations

import numpy as np

PRIOR_WORDS = 500.0  # size of a prior in words


def log_odds(here_V: np.ndarray, there_V: np.ndarray, prior_V: np.ndarray) -> np.ndarray:
    """How much more frequent each word is here than there, as a normal deviate (Monroe et al. 2008, equations 16 and 20)."""

    def logit(counts_V: np.ndarray) -> np.ndarray:
        mine_V = counts_V + prior_V
        return np.log(mine_V / (mine_V.sum() - mine_V))

    with np.errstate(divide="ignore"):  # a word alone in the language has infinite odds on both sides
        difference_V = np.nan_to_num(logit(here_V) - logit(there_V), nan=0.0)
    return difference_V / np.sqrt(1 / (here_V + prior_V) + 1 / (there_V + prior_V))
