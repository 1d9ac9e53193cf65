import numpy as np
import pytest

from tasks.config import PrepareConfig
from tasks.errors import RequestError
from tasks.prepare.schema import SPLITS
from tasks.prepare.split import (
    LABELLED,
    NO_LABEL,
    OFFICIAL_TEST,
    QUARANTINED,
    REASONS,
    REJECTED,
    TEST,
    TRAIN,
    UNLABELLED,
    VALID,
    Rows,
    decide,
    reason,
)

CONFIG = PrepareConfig(test_share=0.2, valid_share=0.1)


def rows(kind, label, *, first=None, group=None, seed=0):
    n = len(kind)
    own = np.arange(n, dtype=np.int32)
    first = own if first is None else np.array(first, np.int32)
    group = first if group is None else np.array(group, np.int32)
    digests = np.random.default_rng(seed).integers(0, 2**63, n).astype(np.uint64)
    return Rows(np.array(kind, np.uint8), np.array(label, np.int32), digests, first, group)


def labelled(n, labels=2, **options):
    return rows([LABELLED] * n, [i % labels for i in range(n)], **options)


def with_head(kind, label, first, group, n=400):
    """A few chosen rows, then many ordinary ones so that every split has rows."""
    head = len(kind)
    return rows(
        kind + [LABELLED] * n,
        label + [i % 2 for i in range(n)],
        first=first + list(range(head, head + n)),
        group=group + list(range(head, head + n)),
    )


def test_shares_are_met_in_expectation_and_by_label():
    fate = decide(labelled(20_000), ["a", "b"], CONFIG).fate
    for label in (0, 1):
        share = np.bincount(fate[label::2], minlength=4) / 10_000
        assert share == pytest.approx([0.72, 0.08, 0.2, 0], abs=0.012)


def test_an_official_test_split_leaves_train_and_valid():
    corpus = rows([OFFICIAL_TEST] * 100 + [LABELLED] * 10_000, [i % 2 for i in range(10_100)])
    fate = decide(corpus, ["a", "b"], CONFIG).fate
    assert (fate[:100] == TEST).all()
    assert np.bincount(fate[100:], minlength=4)[:3] / 10_000 == pytest.approx([0.9, 0.1, 0], abs=0.01)


def test_seed_changes_the_split_and_nothing_else_does():
    one, two = (decide(labelled(500), ["a", "b"], CONFIG).fate for _ in range(2))
    assert (one == two).all()
    other = decide(labelled(500), ["a", "b"], PrepareConfig(test_share=0.2, valid_share=0.1, seed=14)).fate
    assert (one != other).any()


def test_growth_keeps_every_side():
    small, large = labelled(2000), labelled(2100)
    assert (small.sha256 == large.sha256[:2000]).all()
    assert (decide(small, ["a", "b"], CONFIG).fate == decide(large, ["a", "b"], CONFIG).fate[:2000]).all()


def test_a_group_follows_its_smallest_digest():
    corpus = with_head([LABELLED] * 3, [0, 0, 0], [0, 1, 2], [0, 0, 0])
    alone = with_head([LABELLED] * 3, [0, 0, 0], [0, 1, 2], [0, 1, 2])
    fate = decide(corpus, ["a", "b"], CONFIG).fate[:3]
    assert len(set(fate)) == 1
    smallest = int(corpus.sha256[:3].argmin())
    assert fate[0] == decide(alone, ["a", "b"], CONFIG).fate[smallest]


def test_duplicates_of_an_official_test_row_are_dropped_from_all_else():
    kind = [OFFICIAL_TEST, OFFICIAL_TEST, LABELLED, LABELLED, NO_LABEL, NO_LABEL]
    decision = decide(with_head(kind, [0, 0, 0, 0, -1, -1], [0, 0, 0, 3, 0, 5], [0, 0, 0, 0, 0, 0]), ["a", "b"], CONFIG)
    names = [(*SPLITS, *REASONS)[code] for code in decision.fate[:6]]
    assert names == [
        "test",
        "test",
        "labelled_duplicate_of_test",
        "labelled_near_duplicate_of_test",
        "unlabelled_duplicate_of_test",
        "unlabelled_near_duplicate_of_test",
    ]
    assert decision.duplicates_in_test == 1


def test_of_exact_duplicates_the_first_labelled_row_stays():
    kind = [NO_LABEL, LABELLED, LABELLED, LABELLED, NO_LABEL, NO_LABEL, REJECTED]
    decision = decide(
        with_head(kind, [-1, 0, 1, 0, -1, -1, 0], [0, 0, 0, 0, 4, 4, 6], [0, 0, 0, 0, 4, 4, 6]), ["a", "b"], CONFIG
    )
    assert decision.fate[0] == reason("unlabelled_duplicate")
    assert decision.fate[1] in (TRAIN, VALID, TEST)
    assert (decision.fate[2:4] == reason("labelled_duplicate")).all()
    assert decision.conflicting == 1
    assert decision.fate[4:7].tolist() == [UNLABELLED, reason("unlabelled_duplicate"), QUARANTINED]


def test_unlabelled_near_duplicates_stay_only_beside_train():
    n = 300
    kind = [LABELLED] * n + [NO_LABEL] * n
    corpus = rows(kind, [i % 2 for i in range(n)] + [-1] * n, group=list(range(n)) * 2)
    fate = decide(corpus, ["a", "b"], CONFIG).fate
    expected = {
        TRAIN: UNLABELLED,
        VALID: reason("unlabelled_near_duplicate_of_valid"),
        TEST: reason("unlabelled_near_duplicate_of_test"),
    }
    assert fate[n:].tolist() == [expected[side] for side in fate[:n].tolist()]
    assert set(fate[:n]) == {TRAIN, VALID, TEST}


@pytest.mark.parametrize("seed", range(20))
def test_rare_labels_stand_on_every_side(seed):
    corpus = rows([LABELLED] * 60, [0, 0, 0, 1, 1, 2] + [3] * 54, seed=seed)
    decision = decide(corpus, list("abcd"), CONFIG)
    sides = [set(decision.fate[corpus.label == code].tolist()) for code in range(4)]
    assert sides[0] == sides[3] == {TRAIN, VALID, TEST}
    assert sides[1] == {TRAIN, TEST}
    assert sides[2] == {TRAIN}


def test_mending_moves_whole_groups():
    corpus = rows([LABELLED] * 120, [0] * 60 + [1] * 60, group=[0] * 20 + [20] * 20 + [40] * 20 + list(range(60, 120)))
    fate = decide(corpus, ["a", "b"], CONFIG).fate
    assert sorted(len(set(fate[start : start + 20])) for start in (0, 20, 40)) == [1, 1, 1]
    assert set(fate[:60]) == {TRAIN, VALID, TEST}


@pytest.mark.parametrize(
    ("corpus", "names", "message"),
    [
        (rows([LABELLED] * 50, [0] * 50), ["only"], r"train has 1 label\(s\).*'only'"),
        (rows([NO_LABEL] * 50, [-1] * 50), [], r"train has 0 label\(s\)"),
        (rows([], []), [], r"train has 0 label\(s\)"),
        (rows([LABELLED] * 2, [0, 1]), ["a", "b"], "valid would have no row: 2 distinct train rows"),
    ],
)
def test_what_cannot_be_split_is_refused(corpus, names, message):
    with pytest.raises(RequestError, match=message):
        decide(corpus, names, CONFIG)


def test_a_test_label_that_train_lacks_is_told(caplog):
    corpus = rows([OFFICIAL_TEST] + [LABELLED] * 200, [2] + [i % 2 for i in range(200)])
    assert decide(corpus, ["a", "b", "new"], CONFIG).fate[0] == TEST
    assert "new" in caplog.text
