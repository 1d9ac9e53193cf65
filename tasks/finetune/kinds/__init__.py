"""The kinds of model: a new one is a folder here, a module in `tasks/model/views`, and one line in this table."""

from tasks.finetune.kind import Kind
from tasks.finetune.kinds import bag, bilstm, ca, cloze, cnn, encoder, fasttext, mean, tfidf

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        mean.KIND,
        cnn.KIND,
        bilstm.KIND,
        fasttext.KIND,
        bag.KIND,
        tfidf.KIND,
        ca.KIND,
        encoder.KIND,
        cloze.KIND,
    )
}
