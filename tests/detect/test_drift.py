"""Drift: what differs is found, what sampling explains is not."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from tasks.detect.drift import compare, find_drift, renumbered, stability_index
from tasks.detect.drift_alerts import describe
from tasks.detect.settings import DetectConfig
from tasks.monitor.tables import HISTOGRAMS_SCHEMA
from tasks.register.profile import Profile

CONFIG = DetectConfig()
FIRST = datetime.date(2021, 3, 1)
SHARES = {
    "label": [0.2, 0.5, 0.3],
    "confidence": [0.0, 0.1, 0.2, 0.3, 0.4],
    "length": [0.0, 0.1, 0.4, 0.5],
    "unseen": [0.6, 0.3, 0.1],
}


def stream(shares: dict[str, list[float]], days: int, documents: int = 50, *, start: int = 0, seed: int = 1) -> pa.Table:
    source = np.random.default_rng(seed)
    rows = [
        {
            "feature": feature,
            "day": (FIRST + datetime.timedelta(days=start + day)).isoformat(),
            "bin": place,
            "documents": number,
        }
        for feature, wanted in shares.items()
        for day in range(days)
        for place, number in enumerate(source.multinomial(documents, wanted).tolist())
        if number
    ]
    return pa.Table.from_pylist(rows, schema=HISTOGRAMS_SCHEMA)


def profile(documents: int = 1000) -> Profile:
    histograms = {feature: tuple(round(documents * share) for share in shares) for feature, shares in SHARES.items()}
    return Profile(("a", "b", "c"), histograms)


def test_a_stream_like_the_training_data_has_not_drifted() -> None:
    found = find_drift(stream(SHARES, 40), profile(), CONFIG)
    assert [drift.feature for drift in found] == ["label", "confidence", "length", "unseen"]
    assert not any(drift.drifted for drift in found)
    assert {drift.reference for drift in found} == {"training"}
    assert {drift.documents for drift in found} == {28 * 50}
    assert found[0].window_end == FIRST + datetime.timedelta(days=39)
    assert found[0].window_start == FIRST + datetime.timedelta(days=12)


def test_only_the_feature_that_changed_has_drifted() -> None:
    moved = {**SHARES, "unseen": [0.2, 0.3, 0.5]}
    found = find_drift(pa.concat_tables([stream(SHARES, 60), stream(moved, 28, start=60)]), profile(), CONFIG)
    assert [drift.feature for drift in found if drift.drifted] == ["unseen"]
    drift = found[-1]
    assert drift.value == pytest.approx(0.3 * np.log(0.5 / 0.1) * 4 / 3 + 0.4 * np.log(3), rel=0.3)
    assert "unseen of 1400 documents has drifted from the training data: stability index" in describe(drift)


def test_a_bin_that_the_training_data_never_had_counts() -> None:
    moved = {**SHARES, "length": [0.0, 0.05, 0.2, 0.25, 0.3, 0.2]}
    found = {drift.feature: drift for drift in find_drift(stream(moved, 28), profile(), CONFIG)}
    assert found["length"].drifted
    assert np.isfinite(found["length"].value)


def test_without_a_profile_the_first_weeks_are_the_reference() -> None:
    moved = {**SHARES, "label": [0.7, 0.2, 0.1]}
    table = pa.concat_tables([stream(SHARES, 60), stream(moved, 28, start=60)])
    found = find_drift(table, None, CONFIG)
    assert [drift.feature for drift in found if drift.drifted] == ["label"]
    assert {drift.reference for drift in found} == {"stream"}
    assert {drift.reference_documents for drift in found} == {56 * 50}
    assert "the stream's first weeks (the model has no profile)" in describe(found[0])


def test_a_stream_too_young_or_too_thin_is_not_judged() -> None:
    assert find_drift(stream(SHARES, 20), None, CONFIG) == []
    assert find_drift(stream(SHARES, 28, documents=5), profile(), CONFIG) == []
    assert find_drift(stream(SHARES, 28), profile(documents=100), CONFIG) == []
    assert find_drift(HISTOGRAMS_SCHEMA.empty_table(), profile(), CONFIG) == []


@pytest.mark.long
@pytest.mark.parametrize("sizes", [(200, 200), (200, 20_000), (5000, 5000)])
def test_chance_exceeds_the_threshold_as_seldom_as_stated(sizes: tuple[int, int]) -> None:
    config = CONFIG.model_copy(update={"drift_level": 0.05, "drift_min_psi": 0.0})
    source = np.random.default_rng(2)
    shares = np.full(20, 0.05)
    before, after = sizes
    drawn = [compare(source.multinomial(before, shares), source.multinomial(after, shares), config) for _ in range(200)]
    assert 0.005 < np.mean([value > threshold for value, threshold in drawn]) < 0.11


def test_small_samples_need_a_larger_difference() -> None:
    few, many = (compare(np.full(20, size), np.full(20, size), CONFIG)[1] for size in (10, 1000))
    assert few > 0.3
    assert many == CONFIG.drift_min_psi


def test_the_index_is_symmetric_and_nothing_for_equal_shares() -> None:
    one, two = np.array([10, 20, 70]), np.array([40, 30, 30])
    assert stability_index(one, two) == pytest.approx(stability_index(two, one))
    assert stability_index(one, one) == 0


def test_days_that_another_version_scored_are_not_held_against_this_one() -> None:
    moved = {**SHARES, "label": [0.7, 0.2, 0.1]}
    table = pa.concat_tables([stream(moved, 24), stream(SHARES, 4, documents=100, start=24)])
    assert [drift.feature for drift in find_drift(table, profile(), CONFIG) if drift.drifted] == ["label"]
    own_days = [(FIRST + datetime.timedelta(days=day)).isoformat() for day in range(24, 28)]
    found = find_drift(table, profile(), CONFIG, own_days)
    assert {drift.documents for drift in found} == {400}
    assert not any(drift.drifted for drift in found)
    assert find_drift(table, profile(), CONFIG, own_days[:1]) == []  # too few documents yet
    assert find_drift(table, profile(), CONFIG, []) == []
    long_ago = pa.concat_tables([stream(moved, 24), stream(SHARES, 28, start=60)])
    assert find_drift(long_ago, profile(), CONFIG, own_days=["2021-03-02"]) == []


def test_classes_are_compared_by_name_whatever_numbers_the_stream_gave_them() -> None:
    """A monitor that began with a model of classes b, c and got one of a, b, c."""
    moved = {"label": [SHARES["label"][place] for place in (1, 2, 0)]}
    reference = renumbered(profile(), ["b", "c", "a"])
    assert reference.labels == ("b", "c", "a")
    (label,) = [drift for drift in find_drift(stream(moved, 40), reference, CONFIG) if drift.feature == "label"]
    assert not label.drifted
    assert renumbered(profile(), ["c"]).histograms["label"] == (300, 200, 500)
