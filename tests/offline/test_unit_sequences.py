"""Confidence sequences where users come again and again: increments are users, not requests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.offline import estimate, evaluate
from banditroute.offline.estimators import fit_q
from banditroute.offline.evaluation.contrast import paired_sequence
from tests.offline.decisions import ALONE, learner_log, run
from tests.offline.logged_worlds import TASTES, Floats, users_logs

MOOD, SIDES = np.full(3, 0.3), np.array([0.3, -0.3, 0.0])
"""Users who like all models more than others do, or one model more and another less."""

BEST, FIRST = np.eye(3)[TASTES.argmax(axis=1)], np.tile([1.0, 0.0, 0.0], (2, 1))


def errors(reps: int, users: int, floor: float, taste: Floats, target: Floats, **made: bool) -> Floats:
    """Shares of logs whose sequences miss the truth, of value and difference, by row and by user `(2, 2)`."""
    logs, user = users_logs(reps, 2_000, users, floor, 31, taste, **made)
    wrong = np.zeros((2, 2))
    for rep in range(reps):
        own, wanted = TASTES[logs.classes[rep]], target[logs.classes[rep]]
        action, pmf = logs.action[rep], logs.pmf[rep]
        drawn = np.arange(len(action)), action
        q = fit_q(
            logs.reward[rep], action, 3, classes=logs.classes[rep], order="time", bounds=(0.0, 1.0)
        )  # fmt: skip
        worth, logged = float((wanted * own).sum(1).mean()), float((pmf * own).sum(1).mean())
        for by_user, cluster in enumerate((None, np.unique(user[rep], return_inverse=True)[1])):
            value = estimate(
                "dr", reward=logs.reward[rep], action=action, propensity=pmf[drawn], target_pmf=wanted,
                q_hat=q, logging_pmf=pmf, order="time", interval="sequence", cluster=cluster,
            )  # fmt: skip
            apart = paired_sequence(
                logs.reward[rep], action, wanted[drawn] / pmf[drawn], wanted, pmf, q, cluster, (0.0, 1.0)
            )
            assert value.centre is not None
            assert value.low <= value.centre <= value.high
            assert apart.low <= apart.centre <= apart.high
            wrong[0, by_user] += not value.low <= worth <= value.high
            wrong[1, by_user] += not apart.low <= worth - logged <= apart.high
    return wrong / reps


def test_sequences_of_users_hold_where_those_of_requests_fail() -> None:
    """40 logs of a learner, 60 users in any order whose mood moves all that they score.

    By user at most 5% may be wrong; more than 6 of 40 has a chance of 0.3%. By request a quarter are.
    """
    (by_request, by_user), (_, apart) = errors(40, 60, 0.2, MOOD, BEST)
    assert by_user <= 6 / 40 < by_request
    assert apart <= 6 / 40


@pytest.mark.full
@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("floor", [0.02, 0.2])
@pytest.mark.parametrize("taste", [MOOD, SIDES], ids=["mood", "sides"])
def test_sequences_of_users_hold_at_length(taste: Floats, floor: float, uneven: bool) -> None:
    """150 logs each, even and uneven users, two targets: of 5%, more than 10% has a chance of 0.4%."""
    for target in (BEST, FIRST):
        for users in (60, 200):
            (_, value), (_, apart) = errors(150, users, floor, taste, target, uneven=uneven)
            assert max(value, apart) <= 0.1


def test_a_difference_to_the_log_is_of_users_too() -> None:
    """Ten rows each, all alike, tell no more than one: both intervals widen, and the notes say why."""
    log = learner_log(400, 5, 0.2)
    ten = np.repeat(np.arange(400), 10)
    assert log.propensity is not None
    assert log.pmf is not None
    alike = replace(
        log,
        class_index=log.class_index[ten], action=log.action[ten], quality=log.quality[ten], usd=log.usd[ten],
        seconds=log.seconds[ten], input_tokens=log.input_tokens[ten], output_tokens=log.output_tokens[ten],
        at=np.arange(4_000.0),
        propensity=log.propensity[ten], pmf=log.pmf[ten], policy=["thompson"] * 4_000,
        request_ids=np.arange(4_000).astype(str), unit=[f"user-{u}" for u in ten],
    )  # fmt: skip
    asked = {"estimators": ["dr"], "interval": "sequence"}
    by_user = run(alike, "random", **asked)["random", "static"]
    by_row = run(replace(alike, unit=None), "random", **asked)["random", "static"]
    for users, rows in ((by_user.leading, by_row.leading), (by_user.difference, by_row.difference)):
        assert users is not None
        assert rows is not None
        assert users.high - users.low > 2.0 * (rows.high - rows.low)
    notes = evaluate(alike, ["random"], weights=ALONE).notes
    assert any("400 units, of up to 10 rows each: every interval is of units" in note for note in notes)
