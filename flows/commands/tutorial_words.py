"""What tutorials of fastText, gensim, PyTorch, Transformers and scikit-learn call a setting, and which knob that is here.

A knob alone takes the value that was given; a knob with a value says what the word itself means: `freeze` is
`finetune.network.embedding frozen`.
"""

from __future__ import annotations

# By the word in kebab case: of several knobs the likeliest first.
WORDS: dict[str, tuple[str, ...]] = {
    # fastText's commands: of its vectors, then of its classifier
    "input": ("ingest.path",),
    "output": ("name",),
    "label": ("ingest.label",),
    "min-count": ("pretrain.min-count", "finetune.bag.min-documents"),
    "min-count-label": ("ingest.labels",),
    "word-ngrams": ("finetune.ngrams",),
    "dim": ("pretrain.dim", "finetune.fasttext.dim"),
    "epoch": ("pretrain.epoch", "finetune.fasttext.epoch"),
    "lr": ("pretrain.lr", "finetune.network.lr", "finetune.fasttext.lr"),
    "thread": ("pretrain.threads", "finetune.threads"),
    "seed": ("pretrain.seed", "finetune.seed"),
    "model": ("finetune.model", "pretrain.model"),
    "pretrained-vectors": ("align.vectors",),
    "min-n": ("pretrain.minn",),
    "max-n": ("pretrain.maxn",),
    **{name: (f"pretrain.{name}",) for name in ("ws", "neg", "loss", "minn", "maxn", "bucket", "t")},
    "skipgram": ("pretrain.model skipgram",),
    "cbow": ("pretrain.model cbow",),
    "supervised": ("finetune.model fasttext",),
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
    "textcnn": ("finetune.model cnn",),
    "text-cnn": ("finetune.model cnn",),
    "lstm": ("finetune.model bilstm",),
    "bi-lstm": ("finetune.model bilstm",),
    "rnn": ("finetune.model bilstm",),
    "embedding-bag": ("finetune.model bag",),
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
    "filter-sizes": ("finetune.cnn.widths",),
    "kernel-sizes": ("finetune.cnn.widths",),
    "kernel-size": ("finetune.cnn.widths",),
    "num-filters": ("finetune.cnn.filters",),
    "n-filters": ("finetune.cnn.filters",),
    "hidden-size": ("finetune.bilstm.hidden",),
    "hidden-dim": ("finetune.bilstm.hidden",),
    "dropout-rate": ("finetune.network.dropout",),
    "drop-out": ("finetune.network.dropout",),
    "batch-size": ("finetune.network.batch-size", "finetune.bag.batch-size"),
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
    "learning-rate": ("finetune.network.lr", "pretrain.lr", "finetune.fasttext.lr"),
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
    "min-df": ("finetune.tfidf.min-documents", "finetune.bag.min-documents"),
    "class-weight": ("finetune.class-weights",),
    "stop-words": ("prepare.stop-words",),
    "tfidf-vectorizer": ("finetune.model tfidf",),
    "logistic-regression": ("finetune.model tfidf",),
    "n-jobs": ("runtime.workers",),
}
# The same for values, by knob and in lower case without marks: `--finetune.model TextCNN`.
VALUES: dict[str, dict[str, str]] = {
    "finetune.model": {
        "textcnn": "cnn",
        "kimcnn": "cnn",
        "lstm": "bilstm",
        "rnn": "bilstm",
        "textrnn": "bilstm",
        "embeddingbag": "bag",
        "bow": "bag",
        "supervised": "fasttext",
        "tfidfvectorizer": "tfidf",
        "logisticregression": "tfidf",
        "lr": "tfidf",
    },
    "pretrain.model": {"sg": "skipgram", "word2vec": "skipgram"},
    "pretrain.loss": {"negativesampling": "ns", "negative": "ns", "hierarchicalsoftmax": "hs"},
    "finetune.network.embedding": {"static": "frozen", "freeze": "frozen", "nonstatic": "full", "finetune": "full"},
    "finetune.network.decay": {"constant": "none"},
    "finetune.class-weights": {"balance": "balanced"},
    "prepare.tokenizer": {"basicenglish": "basic_english", "chars": "char", "characters": "char", "words": "word"},
}


def meant_value(knob: str, value: object) -> str | None:
    """The value that a tutorial's word means for a knob, whatever its case and marks; None for other words."""
    if not isinstance(value, str):
        return None
    plain = "".join(filter(str.isalnum, value)).lower()
    return VALUES.get(knob, {}).get(plain)
