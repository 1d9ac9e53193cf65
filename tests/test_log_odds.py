import numpy as np

from tasks.log_odds import log_odds


def test_log_odds_favour_neither_the_rarest_nor_the_most_frequent_word() -> None:
    #                       the, market, flood (30 against 3), typo (1 against 0)
    here, there = np.array([500.0, 100, 30, 1]), np.array([5000.0, 1000, 3, 0])
    deviates = log_odds(here, there, 500 * (here + there) / (here + there).sum())
    assert deviates.argmax() == 2
    assert deviates[2] > 3
    assert abs(deviates[1]) < 2
    assert deviates[3] < 2
