"""Make `cloze`: write what scores the labels' words, and measure it on the validation rows. No row is trained on.

A label's score is the mean logit of its words at the mask, less the mean in the prompt without a text: words that fit the
prompt whatever the text says have no advantage (Holtzman et al. 2021, "Surface form competition", arXiv 2104.08315).

Shapes: N texts, W words, C labels.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.embed.labels_file import read_described
from tasks.errors import RequestError
from tasks.finetune.job import Job, Trained
from tasks.finetune.kinds.cloze.fill import write_scorer
from tasks.finetune.kinds.cloze.settings import ClozeSettings
from tasks.finetune.rows import labelled_texts
from tasks.model.pretrained import cleaned
from tasks.model.scores import log_softmax
from tasks.model.views.cloze import BIAS, WEIGHTS, WordScorer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.finetune.settings import SharedSettings

VIEW = "cloze"
TITLE = "finetune.cloze.model"


def train_cloze(job: Job) -> list[Trained]:
    """Write the model's files and measure them; equal inputs give equal bits."""
    if job.weights is None:
        raise ValueError("cloze needs the folder that the step weights wrote")
    (folder := job.folder / VIEW).mkdir()
    scorer, weights_WC, bias_C = _made(job.config.settings(ClozeSettings), job.labels, job.weights, folder)
    texts, labels_N = labelled_texts(job, "valid")
    scores_NW = scorer.scores([cleaned(text) for text in texts]).reshape(-1, len(weights_WC))
    tensors = {f"{VIEW}.{WEIGHTS}": weights_WC, f"{VIEW}.{BIAS}": bias_C}
    return [Trained(scores_NW @ weights_WC + bias_C, labels_N, {}, tensors, trainable=0)]


def label_by_words(texts: Sequence[str], config: SharedSettings, weights: Path) -> tuple[list[str], np.ndarray]:
    """The labels of the file and their probabilities [N, C], without a model; `weights` is the folder of that step."""
    settings = config.settings(ClozeSettings)
    if settings.labels is None:
        raise ValueError("cloze needs a file of labels")
    labels = read_described(settings.labels).labels
    with tempfile.TemporaryDirectory(prefix="cloze-") as name:
        scorer, weights_WC, bias_C = _made(settings, labels, weights, Path(name))
        scores_NW = scorer.scores([cleaned(text) for text in texts]).reshape(-1, len(weights_WC))
    return labels, np.exp(log_softmax(scores_NW @ weights_WC + bias_C))


def _made(
    settings: ClozeSettings, labels: Sequence[str], weights: Path, folder: Path
) -> tuple[WordScorer, np.ndarray, np.ndarray]:
    """What scores words, written to `folder`; weights [W, C] of the words in the labels' scores, and bias [C]."""
    if settings.labels is None:
        raise ValueError("cloze needs a file of labels")
    described = read_described(settings.labels)
    if described.template is None:
        raise RequestError(f'{settings.labels}: no template in it; add one such as template = "{{text}} It was {{mask}}."')
    counts = write_scorer(weights, described.template, described.words(labels), settings.max_len, folder, TITLE)
    number_W = np.repeat(np.arange(len(counts)), counts)
    weights_WC = np.zeros((len(number_W), len(counts)), np.float32)
    weights_WC[np.arange(len(number_W)), number_W] = 1 / np.array(counts)[number_W]
    scorer = WordScorer(folder)
    return scorer, weights_WC, -(scorer.score("") @ weights_WC)
