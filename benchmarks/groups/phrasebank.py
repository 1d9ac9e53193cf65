"""Financial PhraseBank (Malo et al. 2014): ten folds, each preset against TF-IDF + logistic regression on the same rows."""

from __future__ import annotations

from benchmarks.rows import Group, Row

SENTENCES = "$DATA/financial_phrasebank/Sentences_{agreement}Agree.txt"
TRANSCRIPTS = "$DATA/ectsum/ectsum_transcripts.tar.gz"
# Accuracy, as Araci (2019, arXiv 1908.10063) gives it.
PUBLISHED = {"50": {"LSTM": 0.71, "ULMFiT": 0.83, "FinBERT": 0.86}, "All": {"LSTM": 0.81, "ULMFiT": 0.93, "FinBERT": 0.97}}
FIGURES = (
    *(f"{prefix}{figure}" for figure in ("accuracy", "macro_f1") for prefix in ("", "yardstick_")),
    *(f"{figure}_difference{what}" for figure in ("accuracy", "macro_f1") for what in ("", "_error", "_corrected_error")),
    "mid_p",
)


def group(quick: bool) -> Group:
    """The rows; quick ones take two folds of a small subset, and no transcripts."""

    def row(name: str, agreement: str, options: str, *, transcripts: bool = False) -> Row:
        source = SENTENCES.format(agreement=agreement)
        path = f"$GROUP/Sentences_{agreement}Agree.txt" if quick else source
        setup = (f"python -m benchmarks.subset lines {source} {path} --each 300",) if quick else ()
        folds = "--folds 2 " if quick else ""
        more = f" --ingest.unlabelled {TRANSCRIPTS} --share-vectors" if transcripts and not quick else ""
        command = f"python -m benchmarks.folds {folds}{options} --ingest.path {path}{more}"
        return Row(name, command, FIGURES, setup, limit_seconds=7200)

    published = "; ".join(
        f"{agreement}-agree " + ", ".join(f"{name} {figure:.2f}" for name, figure in figures.items())
        for agreement, figures in PUBLISHED.items()
    )
    return Group(
        name="phrasebank",
        title="Financial PhraseBank, 10-fold cross-validation",
        about=(
            "Means over ten stratified folds with exact and near-duplicates in one fold; `error` is the standard error over "
            "folds, `corrected_error` allows for the training rows that folds share. The yardstick, TF-IDF + logistic "
            "regression, is trained on the validation rows too. The preset is `financial`, a sum of n-grams and "
            "a network on word vectors from 2,425 earnings-call transcripts (ECTSum), trained once and without the sentences; "
            "`phrasebank` reads n-grams alone. "
            "Its knobs were tried on other folds of the same sentences, so the figures are a little kind. "
            f"Published accuracies, on splits of their own: {published}."
        ),
        rows=(
            row("50-agree", "50", "--preset financial", transcripts=True),
            row("50-agree, preset phrasebank", "50", "--preset phrasebank"),
            row("50-agree, from random vectors", "50", "--preset financial --pretrain.enabled false"),
            row("all-agree", "All", "--preset financial", transcripts=True),
            row("all-agree, preset phrasebank", "All", "--preset phrasebank"),
        ),
    )
