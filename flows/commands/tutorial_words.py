"""What tutorials of fastText, gensim, PyTorch, Transformers and scikit-learn call a setting, and which knob that is here.

A knob alone takes the value that was given; a knob with a value says what the word itself means: `freeze` is
`finetune.network.embedding frozen`.
"""

from __future__ import annotations

from tasks.finetune.kinds import KINDS

# By the word in kebab case: of several knobs the likeliest first. The words for kinds and their settings are added below.
WORDS: dict[str, tuple[str, ...]] = {
    # fastText's commands
    "input": ("ingest.path",),
    "output": ("name",),
    "label": ("ingest.label",),
    "min-count": ("pretrain.min-count",),
    "min-count-label": ("ingest.labels",),
    "word-ngrams": ("finetune.ngrams",),
    "dim": ("pretrain.dim",),
    "epoch": ("pretrain.epoch",),
    "lr": ("pretrain.lr", "finetune.network.lr"),
    "thread": ("pretrain.threads", "finetune.threads"),
    "seed": ("pretrain.seed", "finetune.seed"),
    "model": ("finetune.model", "pretrain.model"),
    "pretrained-vectors": ("align.vectors",),
    "min-n": ("pretrain.minn",),
    "max-n": ("pretrain.maxn",),
    **{name: (f"pretrain.{name}",) for name in ("ws", "neg", "loss", "minn", "maxn", "bucket", "t")},
    "skipgram": ("pretrain.model skipgram",),
    "cbow": ("pretrain.model cbow",),
    # gensim
    "vector-size": ("pretrain.dim",),
    "size": ("pretrain.dim",),
    "window": ("pretrain.ws",),
    "negative": ("pretrain.neg",),
    "sample": ("pretrain.t",),
    "alpha": ("pretrain.lr",),
    "iter": ("pretrain.epoch",),
    "sg": ("pretrain.model skipgram",),
    "hs": ("pretrain.loss hs",),
    "workers": ("pretrain.threads", "runtime.workers"),
    "max-vocab-size": ("align.max-size",),
    # PyTorch and Keras
    "freeze": ("finetune.network.embedding frozen",),
    "freeze-embeddings": ("finetune.network.embedding frozen",),
    "trainable": ("finetune.network.embedding",),
    "non-static": ("finetune.network.embedding full",),
    "embedding-dim": ("pretrain.dim", "align.dim"),
    "embed-dim": ("pretrain.dim", "align.dim"),
    "embed-size": ("pretrain.dim", "align.dim"),
    "embedding-size": ("pretrain.dim", "align.dim"),
    "vocab-size": ("align.max-size",),
    "max-vocab": ("align.max-size",),
    "max-features": ("align.max-size",),
    "min-freq": ("align.min-count", "pretrain.min-count"),
    "dropout-rate": ("finetune.network.dropout",),
    "drop-out": ("finetune.network.dropout",),
    "batch-size": ("finetune.network.batch-size",),
    "num-epochs": ("finetune.epochs",),
    "n-epochs": ("finetune.epochs",),
    "max-epochs": ("finetune.epochs",),
    "early-stopping": ("finetune.patience",),
    "early-stopping-patience": ("finetune.patience",),
    "grad-clip": ("finetune.network.clip",),
    "clip-norm": ("finetune.network.clip",),
    "seq-len": ("finetune.network.max-len",),
    "sequence-length": ("finetune.network.max-len",),
    "maxlen": ("finetune.network.max-len",),
    "pad-size": ("finetune.network.max-len",),
    "padding": ("finetune.network.max-len",),
    "truncation": ("finetune.network.truncate",),
    "truncating": ("finetune.network.truncate",),
    "validation-split": ("prepare.valid-share",),
    "num-workers": ("runtime.workers",),
    "fp16": ("finetune.network.mixed-precision",),
    "amp": ("finetune.network.mixed-precision",),
    # Transformers
    "learning-rate": ("finetune.network.lr", "pretrain.lr"),
    "warmup-ratio": ("finetune.network.warmup-share",),
    "warmup-steps": ("finetune.network.warmup-share",),
    "lr-scheduler": ("finetune.network.decay",),
    "lr-scheduler-type": ("finetune.network.decay",),
    "max-grad-norm": ("finetune.network.clip",),
    "max-length": ("finetune.network.max-len",),
    "max-seq-length": ("finetune.network.max-len",),
    "num-train-epochs": ("finetune.epochs",),
    "per-device-train-batch-size": ("finetune.network.batch-size",),
    "data-dir": ("ingest.path",),
    "train-file": ("ingest.path",),
    "test-file": ("ingest.test-path",),
    # scikit-learn
    "test-size": ("prepare.test-share",),
    "random-state": ("prepare.seed", "finetune.seed"),
    "ngram-range": ("finetune.ngrams",),
    "class-weight": ("finetune.class-weights",),
    "stop-words": ("prepare.stop-words",),
    "n-jobs": ("runtime.workers",),
}
# The same for values, by knob and in lower case without marks: `--finetune.model TextCNN`.
VALUES: dict[str, dict[str, str]] = {
    "pretrain.model": {"sg": "skipgram", "word2vec": "skipgram"},
    "pretrain.loss": {"negativesampling": "ns", "negative": "ns", "hierarchicalsoftmax": "hs"},
    "finetune.network.embedding": {"static": "frozen", "freeze": "frozen", "nonstatic": "full", "finetune": "full"},
    "finetune.network.decay": {"constant": "none"},
    "finetune.class-weights": {"balance": "balanced"},
    "prepare.tokenizer": {"basicenglish": "basic_english", "chars": "char", "characters": "char", "words": "word"},
}


def _add_words_of_kinds() -> None:
    """What tutorials call a kind of model, and its settings, the kinds know themselves."""
    for kind in KINDS.values():
        for word in kind.called:
            WORDS[word] = (*WORDS.get(word, ()), f"finetune.model {kind.name}")
            VALUES.setdefault("finetune.model", {})[_plain(word)] = kind.name
        for word, setting in kind.words.items():
            WORDS[word] = (*WORDS.get(word, ()), f"finetune.{kind.name}.{setting}")


def _plain(word: str) -> str:
    return "".join(filter(str.isalnum, word)).lower()


_add_words_of_kinds()


def meant_value(knob: str, value: object) -> str | None:
    """The value that a tutorial's word means for a knob, whatever its case and marks; None for other words."""
    if not isinstance(value, str):
        return None
    return VALUES.get(knob, {}).get(_plain(value))
