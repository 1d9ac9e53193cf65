from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.prepare.schema import SPLITS
from tasks.prepare.settings import PrepareConfig
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
RULE_1 = PrepareConfig(test_share=0.2, valid_share=0.1, split_rule=1)


def rows(kind: list[int], label: Any, *, first: Any = None, group: Any = None, seed: int = 0) -> Rows:
    n = len(kind)
    own = np.arange(n, dtype=np.int32)
    first = own if first is None else np.array(first, np.int32)
    group = first if group is None else np.array(group, np.int32)
    digests = np.random.default_rng(seed).integers(0, 2**63, n).astype(np.uint64)
    return Rows(np.array(kind, np.uint8), np.array(label, np.int32), digests, first, group)


def labelled(n: Any, labels: int = 2, **options: Any) -> Rows:
    return rows([LABELLED] * n, [i % labels for i in range(n)], **options)


def with_head(kind: list[int], label: Any, first: Any, group: Any, n: int = 400) -> Rows:
    """A few chosen rows, then many ordinary ones so that every split has rows."""
    head = len(kind)
    return rows(
        kind + [LABELLED] * n,
        label + [i % 2 for i in range(n)],
        first=first + list(range(head, head + n)),
        group=group + list(range(head, head + n)),
    )


def test_shares_are_met_in_expectation_and_by_label() -> None:
    fate = decide(labelled(20_000), ["a", "b"], CONFIG).fate
    for label in (0, 1):
        share = np.bincount(fate[label::2], minlength=4) / 10_000
        assert share == pytest.approx([0.72, 0.08, 0.2, 0], abs=0.012)


def test_an_official_test_split_leaves_train_and_valid() -> None:
    corpus = rows([OFFICIAL_TEST] * 100 + [LABELLED] * 10_000, [i % 2 for i in range(10_100)])
    fate = decide(corpus, ["a", "b"], CONFIG).fate
    assert (fate[:100] == TEST).all()
    assert np.bincount(fate[100:], minlength=4)[:3] / 10_000 == pytest.approx([0.9, 0.1, 0], abs=0.01)


def test_seed_changes_the_split_and_nothing_else_does() -> None:
    one, two = (decide(labelled(500), ["a", "b"], CONFIG).fate for _ in range(2))
    assert (one == two).all()
    other = decide(labelled(500), ["a", "b"], PrepareConfig(test_share=0.2, valid_share=0.1, seed=14)).fate
    assert (one != other).any()


def test_growth_keeps_every_side() -> None:
    small, large = labelled(2000), labelled(2100)
    assert (small.sha256 == large.sha256[:2000]).all()
    assert (decide(small, ["a", "b"], CONFIG).fate == decide(large, ["a", "b"], CONFIG).fate[:2000]).all()


def test_a_group_follows_its_smallest_digest() -> None:
    corpus = with_head([LABELLED] * 3, [0, 0, 0], [0, 1, 2], [0, 0, 0])
    alone = with_head([LABELLED] * 3, [0, 0, 0], [0, 1, 2], [0, 1, 2])
    fate = decide(corpus, ["a", "b"], CONFIG).fate[:3]
    assert len(set(fate)) == 1
    smallest = int(corpus.sha256[:3].argmin())
    assert fate[0] == decide(alone, ["a", "b"], CONFIG).fate[smallest]


def test_duplicates_of_an_official_test_row_are_dropped_from_all_else() -> None:
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


def test_of_exact_duplicates_the_first_labelled_row_stays() -> None:
    kind = [NO_LABEL, LABELLED, LABELLED, LABELLED, NO_LABEL, NO_LABEL, REJECTED]
    decision = decide(
        with_head(kind, [-1, 0, 0, 0, -1, -1, 0], [0, 0, 0, 0, 4, 4, 6], [0, 0, 0, 0, 4, 4, 6]), ["a", "b"], CONFIG
    )
    assert decision.fate[0] == reason("unlabelled_duplicate")
    assert decision.fate[1] in (TRAIN, VALID, TEST)
    assert (decision.fate[2:4] == reason("labelled_duplicate")).all()
    assert decision.fate[4:7].tolist() == [UNLABELLED, reason("unlabelled_duplicate"), QUARANTINED]


def test_unlabelled_near_duplicates_stay_only_beside_train() -> None:
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
def test_by_rule_1_rare_labels_stand_on_every_side(seed: int) -> None:
    corpus = rows([LABELLED] * 60, [0, 0, 0, 1, 1, 2] + [3] * 54, seed=seed)
    decision = decide(corpus, list("abcd"), RULE_1)
    sides = [set(decision.fate[corpus.label == code].tolist()) for code in range(4)]
    assert sides[0] == sides[3] == {TRAIN, VALID, TEST}
    assert sides[1] == {TRAIN, TEST}
    assert sides[2] == {TRAIN}


def test_rule_1_moves_whole_groups() -> None:
    corpus = rows([LABELLED] * 120, [0] * 60 + [1] * 60, group=[0] * 20 + [20] * 20 + [40] * 20 + list(range(60, 120)))
    fate = decide(corpus, ["a", "b"], RULE_1).fate
    assert sorted(len(set(fate[start : start + 20])) for start in (0, 20, 40)) == [1, 1, 1]
    assert set(fate[:60]) == {TRAIN, VALID, TEST}


@pytest.mark.parametrize(
    ("official", "sides"),
    [
        (
            False,
            "0200000000202021200210000020000000000200000000200010002100220200010000000200010002000102000200022000"
            "2002002000001020002010020002200020102200000010000000020000002002000000001002002000200001010000000000"
            "0022020002200200001200000111200000220012100000000002102000000200000000200000002000022200200000001020"
            "2000102000001000000200002120110000011200210210000021100000204444444444444444444410000020000000000200",
        ),
        (
            True,
            "0100000000001010100100000010000000000000000000100000000000000000000000000000000001000000000000000000"
            "2222222222222222222222222222222222222222222222222200000000001001000000000000001000000000000000000000"
            "0010010000100100000100000000100000110001000000000001000000000000000000000000001000000100000000000010"
            "1000001000000000000100000000000000000000100100000010000000104444444444444444444400000010000000000000",
        ),
    ],
)
def test_rule_1_gives_every_row_the_side_that_version_0_1_gave_it(official: bool, sides: str) -> None:
    """The sides were taken down from the code of version 0.1, which kept the first row of a contradiction."""
    rng = np.random.default_rng(29)
    label = np.r_[rng.integers(0, 3, 340), np.repeat([3, 4, 5, 6], [3, 4, 5, 8]), rng.integers(0, 3, 40)]
    first = np.arange(400)
    first[360:380] = np.arange(20)
    group = first.copy()
    group[380:] = np.arange(20, 40)
    kind = np.full(400, LABELLED, np.uint8)
    kind[100:150] = OFFICIAL_TEST if official else LABELLED
    digests = rng.integers(0, 2**63, 400).astype(np.uint64)
    corpus = Rows(kind, label.astype(np.int32), digests, first.astype(np.int32), group.astype(np.int32))
    before = np.array(list(map(int, sides)))
    for rule in ("first", "drop", "majority"):
        fate = decide(corpus, list("abcdefg"), PrepareConfig(split_rule=1, contradictions=rule)).fate
        both = (fate <= TEST) & (before <= TEST)
        assert both.sum() > 330
        assert (fate[both] == before[both]).all()
        if rule == "first":
            assert ((fate > TEST) == (before > TEST)).all()


def test_texts_without_a_label_need_no_split() -> None:
    fate = decide(rows([NO_LABEL] * 50, [-1] * 50), [], PrepareConfig()).fate
    assert (fate == SPLITS.index("unlabelled")).all()


@pytest.mark.parametrize(
    ("corpus", "names", "message"),
    [
        (rows([LABELLED] * 50, [0] * 50), ["only"], r"train has 1 label\(s\).*'only'"),
        (rows([], []), [], r"train has 0 label\(s\)"),
        (rows([LABELLED] * 2, [0, 1]), ["a", "b"], "valid would have no row: 2 distinct train rows"),
    ],
)
def test_what_cannot_be_split_is_refused(corpus: Any, names: list[str], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        decide(corpus, names, CONFIG)


def test_a_test_label_that_train_lacks_is_kept_beside_others() -> None:
    corpus = rows([OFFICIAL_TEST] * 2 + [LABELLED] * 200, [2, 0] + [i % 2 for i in range(200)])
    assert (decide(corpus, ["a", "b", "new"], CONFIG).fate[:2] == TEST).all()


def test_a_test_split_of_which_train_knows_no_label_is_refused() -> None:
    corpus = rows([OFFICIAL_TEST] * 2 + [LABELLED] * 200, [2, 3] + [i % 2 for i in range(200)])
    with pytest.raises(RequestError, match=r"no label of the test rows \('0\.0', '1\.0'\) occurs in train \('0', '1'\)"):
        decide(corpus, ["0", "1", "0.0", "1.0"], CONFIG)


def shares(fate: Any, label: Any, code: int) -> tuple[int, ...]:
    own = fate[label == code]
    return tuple(int((own == side).sum()) for side in (TRAIN, VALID, TEST))


@pytest.mark.parametrize("seed", range(20))
def test_rows_of_rare_classes_go_to_train_first_and_to_valid_last(seed: int) -> None:
    sizes = {1: (1, 0, 0), 2: (1, 0, 1), 3: (2, 0, 1)}
    corpus = rows([LABELLED] * 306, [0, 1, 1, 2, 2, 2] + [3 + i % 3 for i in range(300)], seed=seed)
    fate = decide(corpus, list("abcdef"), CONFIG).fate
    assert [shares(fate, corpus.label, code) for code in range(3)] == list(sizes.values())


@pytest.mark.parametrize("count", range(3, 20))
def test_a_rare_class_keeps_its_share_for_train_and_has_a_test_row(count: int) -> None:
    for seed in range(5):
        label = [0] * count + [1 + i % 2 for i in range(200)]
        corpus = rows([LABELLED] * len(label), label, seed=seed)
        train, valid, test = shares(decide(corpus, list("abc"), CONFIG).fate, corpus.label, 0)
        assert train >= max(2, int(count * 0.72))
        assert test >= 1
        assert valid >= (count >= 10)


def test_a_corpus_of_nothing_but_tiny_classes_has_rows_for_validation() -> None:
    labels = [f"c{number:03}" for number in range(700)]
    corpus = rows([LABELLED] * 2100, [i % 700 for i in range(2100)])
    fate = decide(corpus, labels, CONFIG).fate
    by_class = [shares(fate, corpus.label, code) for code in range(700)]
    assert set(by_class) == {(2, 0, 1), (1, 1, 1)}
    assert by_class.count((1, 1, 1)) == 168  # 8% of all rows


@pytest.mark.parametrize(("classes", "valid"), [(20, 3), (2, 1)])
def test_a_corpus_of_two_rows_a_class_gives_validation_test_rows(classes: int, valid: int) -> None:
    corpus = rows([LABELLED] * 2 * classes, [i % classes for i in range(2 * classes)])
    fate = decide(corpus, [f"c{number:03}" for number in range(classes)], CONFIG).fate
    assert np.bincount(fate).tolist() == [classes, valid, classes - valid]
    assert len(set(corpus.label[fate == TRAIN])) == classes


def test_the_order_of_the_corpus_moves_no_row_of_a_rare_class() -> None:
    corpus = rows([LABELLED] * 260, [0] * 7 + [1] * 13 + [2 + i % 2 for i in range(240)])
    turned = Rows(corpus.kind[::-1], corpus.label[::-1], corpus.sha256[::-1], corpus.first, corpus.group)
    assert (decide(corpus, list("abcd"), CONFIG).fate == decide(turned, list("abcd"), CONFIG).fate[::-1]).all()


def test_one_more_row_of_a_rare_class_moves_at_most_one_across_each_border() -> None:
    large = rows([LABELLED] * 220, [i % 2 for i in range(200)] + [2] * 20)
    for count in range(4, 20):
        part = Rows(*(getattr(large, name)[: 200 + count] for name in ("kind", "label", "sha256", "first", "group")))
        less = Rows(*(getattr(large, name)[: 199 + count] for name in ("kind", "label", "sha256", "first", "group")))
        moved = decide(part, list("abc"), CONFIG).fate[: 199 + count] != decide(less, list("abc"), CONFIG).fate
        assert moved.sum() <= 2


def test_a_group_of_two_rare_classes_stays_together_and_train_has_both() -> None:
    corpus = with_head([LABELLED] * 6, [2, 3, 2, 3, 3, 3], list(range(6)), [0, 0, 2, 2, 4, 5])
    for seed in range(10):
        config = PrepareConfig(seed=seed)
        fate = decide(corpus, list("abcd"), config).fate[:6]
        assert fate[0] == fate[1]
        assert fate[2] == fate[3]
        assert {TRAIN, TEST} <= set(fate[[0, 2]])
        assert TRAIN in fate[[1, 3, 4, 5]]


def test_the_salt_changes_the_split_and_is_part_of_rule_2_alone() -> None:
    one, two = (decide(labelled(500), ["a", "b"], PrepareConfig(split_rule=2, salt=salt)).fate for salt in (1, 2))
    assert (one != two).any()
    assert (decide(labelled(500), ["a", "b"], PrepareConfig(salt=1)).fate == one).all()
    with pytest.raises(ValueError, match="split_rule 1 reads no salt 3"):
        PrepareConfig(split_rule=1, salt=3)


def contradicting(rule: Any) -> Any:
    # Text 0 is twice a and once b, text 3 once each, text 5 three labels; 7 and 8 are nearly alike.
    label = [0, 0, 1, 1, 0, 0, 1, 2, 0, 1]
    first = [0, 0, 0, 3, 3, 5, 5, 5, 8, 9]
    group = [0, 0, 0, 3, 3, 5, 5, 5, 8, 8]
    corpus = with_head([LABELLED] * 10, label, first, group)
    return decide(corpus, ["a", "b", "c"], PrepareConfig(contradictions=rule))


@pytest.mark.parametrize(
    ("rule", "kept"),
    [("drop", [8, 9]), ("majority", [0, 8, 9]), ("first", [0, 3, 5, 8, 9]), ("error", [0, 3, 5, 8, 9])],
)
def test_a_text_with_several_labels_is_decided_by_the_rule(rule: str, kept: list[int]) -> None:
    decision = contradicting(rule)
    assert np.flatnonzero(decision.fate[:10] <= TEST).tolist() == kept
    copies = np.flatnonzero(decision.fate[:10] == reason("labelled_duplicate")).tolist()
    assert copies == ([] if rule == "drop" else [1])
    assert np.flatnonzero(decision.contradictions.exact).tolist() == list(range(8))
    assert np.flatnonzero(decision.contradictions.near).tolist() == [8, 9]


def test_contradictions_of_an_official_test_split_are_only_counted() -> None:
    kind = [OFFICIAL_TEST, OFFICIAL_TEST, OFFICIAL_TEST, LABELLED]
    decision = decide(with_head(kind, [0, 1, 0, 1], [0, 0, 2, 2], [0, 0, 2, 2]), ["a", "b"], CONFIG)
    assert (decision.fate[:3] == TEST).all()
    assert decision.fate[3] == reason("labelled_duplicate_of_test")
    assert np.flatnonzero(decision.contradictions.exact).tolist() == [0, 1, 2, 3]
    assert not decision.contradictions.decided.any()


def test_what_contradictions_cost_is_in_the_message_where_nothing_is_left() -> None:
    corpus = rows([LABELLED] * 80, [0, 1] * 40, first=[i - i % 2 for i in range(80)])
    with pytest.raises(RequestError, match="80 rows were left out since their texts have several labels"):
        decide(corpus, ["a", "b"], CONFIG)


def given_valid(corpus: Rows, valid: list[int]) -> Rows:
    """The corpus with these rows as validation rows of its own."""
    return replace(corpus, given=np.isin(np.arange(len(corpus.kind)), valid))


@pytest.mark.parametrize("config", [CONFIG, RULE_1], ids=["rule 2", "rule 1"])
def test_given_validation_rows_are_all_there_are(config: PrepareConfig) -> None:
    corpus = given_valid(labelled(2000, labels=3), list(range(50)))
    fate = decide(corpus, ["a", "b", "c"], config).fate
    assert (fate[:50] == VALID).all()
    counts = np.bincount(fate[50:], minlength=3)
    assert counts[VALID] == 0
    assert counts[TEST] / 1950 == pytest.approx(0.2, abs=0.03)
    tiny = given_valid(labelled(24, labels=6), [0, 1])
    fate = decide(tiny, list("abcdef"), config).fate
    assert (fate == VALID).tolist() == [True, True] + [False] * 22
    with_test = rows([OFFICIAL_TEST] * 4 + [LABELLED] * 40, [0, 1] * 22)
    assert np.bincount(decide(given_valid(with_test, [4, 5, 6]), ["a", "b"], config).fate).tolist() == [37, 3, 4]


def test_train_gives_way_to_given_validation_rows_and_these_to_test_rows() -> None:
    kind = [LABELLED, LABELLED, LABELLED, LABELLED, OFFICIAL_TEST, LABELLED, NO_LABEL, LABELLED]
    #  0 near a valid row; 1 equal to it, with another label; 2, 3 valid rows that are equal; 5 valid, near the test row 4
    first, group = [0, 2, 2, 2, 4, 5, 6, 7], [0, 0, 0, 0, 4, 4, 0, 7]
    corpus = with_head(kind, [0, 1, 0, 0, 1, 1, -1, 0], first, group)
    decision = decide(given_valid(corpus, [2, 3, 5]), ["a", "b"], CONFIG)
    assert decision.fate[:8].tolist() == [
        reason("labelled_near_duplicate_of_valid"),
        reason("labelled_duplicate_of_valid"),
        VALID,
        VALID,
        TEST,
        reason("labelled_near_duplicate_of_test"),
        reason("unlabelled_near_duplicate_of_valid"),
        TRAIN,
    ]
    assert (decision.duplicates_in_valid, decision.duplicates_in_test) == (1, 0)
    with pytest.raises(RequestError, match="no row of the given validation rows is left"):
        decide(given_valid(corpus, [5]), ["a", "b"], CONFIG)
