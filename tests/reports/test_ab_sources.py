"""Experiments read from log files and from the event log: one of mind with the exposures themselves."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from banditroute import Router
from banditroute.config.experiments import Experiment, ExperimentVariant
from banditroute.config.settings import Settings
from banditroute.errors import LogError
from banditroute.offline.logs.export import export_log
from banditroute.reports.ab import Effect, Exposures, ab_report, simulated_exposures
from banditroute.reports.ab_asked import AskedAB, UnknownExperiment
from banditroute.reports.ab_columns import NO_RATES
from banditroute.reports.ab_live import ab_of_views, live_exposures, requests_of
from banditroute.reports.ab_logs import ab_of_log, read_exposures
from banditroute.routing.tally import catch_up
from banditroute.store import Store, open_store
from banditroute.store.exposures import Exposed
from banditroute.store.views import Views
from banditroute.types import Weights
from tests.reports.weeks import EXPERIMENT, UNITS, WEEKLY, three_weeks, variant_of
from tests.router.experiments import EVERYBODY, LEARNED

HEAD = ("request_id", "at", "request_class", "model", "unit", "variant", "variant_share", "experiment")
METRICS = ("quality", "usd", "seconds", "output_tokens", "error", "fallback")


@pytest.fixture(scope="module")
def seen() -> Exposures:
    return simulated_exposures(
        3_000, effects=[Effect(quality=-0.02, usd=0.4)], requests_per_unit=3.0, shares=(0.7, 0.3), seed=4
    )


def write(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows([head, *rows])
    plain = text.getvalue().encode()
    path.write_bytes(gzip.compress(plain) if path.suffix == ".gz" else plain)
    return path


def lines(seen: Exposures) -> list[list[object]]:
    return [
        [
            f"r{i}", seen.at[i], seen.classes[seen.request_class[i]], "m", f"u{seen.unit[i]}",
            seen.variants[seen.variant[i]], seen.share[i], "cheap",
            *("" if np.isnan(seen.metrics[name][i]) else seen.metrics[name][i] for name in METRICS),
        ]
        for i in range(len(seen))
    ]  # fmt: skip


def test_a_file_gives_the_report_of_its_exposures(seen: Exposures, tmp_path: Path) -> None:
    rows = lines(seen)
    np.random.default_rng(0).shuffle(rows)  # times say the order
    log = write(tmp_path / "log.csv.gz", (*HEAD, *METRICS), rows)
    report = ab_of_log(log, asked=AskedAB(max_usd=0.1, margin=0.02))
    known = {name: seen.metrics[name] for name in METRICS}
    alone = ab_report(replace(seen, metrics=known, before=None), experiment="cheap", max_usd=0.1, margin=0.02)
    assert report.verdict == alone.verdict
    assert (report.experiment, report.control) == ("cheap", "control")
    assert report.mismatch_p == pytest.approx(alone.mismatch_p)
    for one, other in zip(report.effects, alone.effects, strict=True):
        assert (one.metric, one.known, one.units) == (other.metric, other.known, other.units)
        assert one.difference is not None
        assert other.difference is not None
        assert one.difference.mean == pytest.approx(other.difference.mean, rel=1e-9, abs=1e-12)
        if other.difference.low is not None:
            assert one.difference.low == pytest.approx(other.difference.low, rel=1e-9)


def small(**columns: Sequence[object]) -> tuple[list[str], list[list[object]]]:
    """Twelve requests of six units, two per unit; `columns` take the place of others or add to them."""
    n = 12
    given: dict[str, Sequence[object]] = {
        "request_id": [f"r{i}" for i in range(n)],
        "request_class": ["code"] * n,
        "model": ["m"] * n,
        "variant": ["old" if i % 2 else "new" for i in range(n)],
        "unit": [f"u{i % 6}" for i in range(n)],
        "quality": [i / 20 for i in range(n)],
        **columns,
    }
    kept = {name: values for name, values in given.items() if values}
    return list(kept), [list(row) for row in zip(*kept.values(), strict=True)]


def test_the_past_of_a_unit_is_what_it_did_before_it_was_exposed(tmp_path: Path) -> None:
    variant = ["", "", "", *(["new", "old"] * 5)][:12]
    log = write(tmp_path / "log.csv", *small(at=list(range(100, 112)), variant=variant, unit=["a", "b"] * 6))
    read = read_exposures(log)
    assert len(read.exposures) == 9
    assert read.notes == (
        "3 requests of the log took no part in the experiment.",
        "The log does not say with which probability a unit got its variant: equal shares are assumed; "
        "declare others with --shares.",
    )
    assert read.exposures.before is not None
    codes = {name: int(code) for name, code in zip("ba", read.exposures.unit[:2], strict=True)}
    past = read.exposures.before["quality"]
    assert (past[codes["a"]], past[codes["b"]]) == (pytest.approx((0 + 2) / 40), pytest.approx(1 / 20))


def test_who_has_no_unit_is_one_of_his_own(tmp_path: Path) -> None:
    some = read_exposures(write(tmp_path / "a.csv", *small(unit=["u"] * 4 + [""] * 8)))
    assert some.exposures.units == 9
    none = read_exposures(write(tmp_path / "b.csv", *small(unit=())))
    assert none.exposures.units == 12
    assert none.notes[0] == "The log has no column unit: every request counts as a unit of its own."


def test_shares_are_those_declared_and_a_judges_word_is_no_persons(tmp_path: Path) -> None:
    source, judged = ["judge", "user"] * 6, [0.5] * 12
    log = write(tmp_path / "log.csv", *small(source=source, judge_quality=judged))
    read = read_exposures(log, shares={"old": "0.8", "new": 0.2}).exposures
    assert dict(zip(read.variants, read.shares, strict=True)) == {"old": 0.8, "new": 0.2}
    assert set(read.share.tolist()) == {0.2, 0.8}
    assert read.people is not None
    assert np.isnan(read.people).tolist() == [True, False] * 6
    assert read.judged is not None
    assert (read.judged == 0.5).all()


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        ({"variant": ()}, {}, "no column variant"),
        ({"variant": [""] * 12}, {}, "No row of the log names a variant"),
        ({"variant": ["old"] * 12}, {}, "one variant only, old"),
        ({"variant": [f"v{i}" for i in range(12)] }, {"shares": {"v0": 1}}, "says nothing of v1"),
        ({"experiment": ["one", "two"] * 6}, {}, "2 experiments; name one with --experiment: one, two"),
        ({"experiment": ["one"] * 12}, {"experiment": "ome"}, "did you mean `one`?"),
        ({}, {"experiment": "one"}, "there are none"),
        ({"request_id": ["r"] * 12}, {}, "11 rows repeat a request"),
        ({"error": ["timeout"] * 12}, {}, "'timeout', which is not 0, 1, true or false"),
        ({"variant_share": [50] * 12}, {}, "'50', which is not a probability in (0, 1]"),
        ({"variant_share": [0.5] * 11 + [""]}, {}, "1 requests of the experiment have no variant_share"),
        ({}, {"shares": {"old": "0.5", "nwe": "0.5"}}, "names nwe, which no request had"),
        ({}, {"shares": {"old": "0.5", "new": "0.6"}}, "they sum to 1"),
        ({}, {"shares": {"old": "much", "new": "0.6"}}, "they sum to 1"),
        ({}, {"columns": {"error": "failed"}}, "no column 'failed'"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused(
    columns: Mapping[str, Sequence[object]], options: Mapping[str, object], said: str, tmp_path: Path
) -> None:
    log = write(tmp_path / "log.csv", *small(**columns))
    with pytest.raises(LogError) as refusal:
        read_exposures(log, **options)  # type: ignore[arg-type]
    assert said in str(refusal.value)


@pytest.fixture(scope="module")
def store() -> Store:
    return three_weeks()[1]


def test_the_event_log_gives_what_was_logged(store: Store) -> None:
    log = three_weeks()[0]
    report = ab_of_views(Views(store, WEEKLY), WEEKLY)
    assert (report.experiment, report.control, report.units) == (EXPERIMENT.name, "control", UNITS)
    treated = np.array([variant_of(i % UNITS) == "treatment" for i in range(len(log))])
    counts = {one.name: (one.requests, one.means["quality"]) for one in report.variants}
    for name, own in (("treatment", treated), ("control", ~treated)):
        assert counts[name] == (own.sum(), pytest.approx(log.quality[own].mean()))
    asked = AskedAB(control="treatment", metric="usd", margin=0.001)
    other = ab_of_views(Views(store, WEEKLY), WEEKLY, EXPERIMENT.name, asked)
    assert (other.control, other.metric, other.margin) == ("treatment", "usd", 0.001)


def test_one_that_is_no_longer_configured_can_still_be_read(store: Store) -> None:
    past = replace(WEEKLY, experiments=())
    report = ab_of_views(Views(store, past), past)
    assert report.experiment == EXPERIMENT.name
    assert {one.name for one in report.variants} == {"control", "treatment"}
    with pytest.raises(UnknownExperiment, match="choose from `learned-vs-premium`"):
        ab_of_views(Views(store, past), past, "learned")


def exposed(attempt: Sequence[int], unit: Sequence[int], **metrics: Sequence[float]) -> Exposed:
    n = len(attempt)
    zeros, codes, unknown = np.zeros(n), np.zeros(n, np.int64), np.full(n, np.nan)
    known = {name: np.array(values, np.float64) for name, values in metrics.items()}
    return Exposed(
        tuple(f"u{code}" for code in sorted(set(unit))), ("a",), ("code",), ("m",), (),
        np.arange(n, dtype=np.float64), np.array(unit), codes, zeros + 0.5, codes, codes, zeros + 1.0,
        np.array(attempt), known, unknown, codes - 1, known["quality"], {}, ("p",), codes,
    )  # fmt: skip


def test_attempts_at_one_request_are_one_row() -> None:
    """Unit 0 asks, fails, and is served by the second attempt; unit 1 asks in between."""
    nan = np.nan
    seen = exposed(
        [1, 1, 2, 1],
        [0, 1, 0, 0],
        quality=[0.0, 0.9, 0.8, nan],
        usd=[0.01, 0.02, 0.03, nan],
        seconds=[2.0, 1.0, 3.0, 1.0],
        reward=[-0.2, 0.5, 0.2, nan],
        error=[1.0, 0.0, 0.0, 0.0],
        fallback=[0.0, 0.0, 1.0, 0.0],
    )
    own = requests_of(seen, Weights(usd=20.0, second=0.1))
    assert own.at.tolist() == [0.0, 1.0, 3.0], "when they were first decided, in that order"
    assert own.unit.tolist() == [0, 1, 0]
    expected = {
        "quality": [0.8, 0.9, nan],
        "usd": [0.04, 0.02, nan],
        "seconds": [5.0, 1.0, 1.0],
        "reward": [0.2 - 20.0 * 0.01 - 0.1 * 2.0, 0.5, nan],
        "error": [0.0, 0.0, 0.0],
        "fallback": [1.0, 0.0, 0.0],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(own.metrics[name], values, err_msg=name)
    assert requests_of(own, Weights()).at.tolist() == own.at.tolist()


@pytest.mark.parametrize("url", ["memory://", "sqlite:///log.db"])
def test_a_request_without_a_unit_is_one_with_all_its_attempts(url: str, tmp_path: Path) -> None:
    settings = EVERYBODY
    store = open_store(url, base=tmp_path)
    with Router(settings, store) as router:
        first = router.route(request_class="code")
        router.feedback(first.id, error="timeout", usd=0.01)
        second = router.route(request_class="code", root_id=first.id)
        router.feedback(second.id, quality=0.9, usd=0.02)
        router.feedback(router.route(request_class="code").id, quality=0.5, usd=0.04)
        catch_up(store, settings)
        seen = Views(store, settings).exposures(LEARNED.name)
        assert (len(seen), len(seen.units)) == (3, 2)
        own = live_exposures(seen, EVERYBODY.experiments[0], Weights())
    assert own.metrics["quality"].tolist() == [0.9, 0.5]
    assert own.metrics["usd"].tolist() == pytest.approx([0.03, 0.04])
    assert own.metrics["error"].tolist() == [0.0, 0.0]
    assert own.metrics["fallback"].tolist() == [1.0, 0.0]


def test_an_exported_log_says_what_the_event_log_says(store: Store, tmp_path: Path) -> None:
    live = ab_of_views(Views(store, WEEKLY), WEEKLY)
    export_log(store, WEEKLY, tmp_path / "log.parquet")
    read = ab_of_log(tmp_path / "log.parquet", settings=WEEKLY)
    assert {one.metric for one in read.effects} == {one.metric for one in live.effects}
    assert {"reward", "error", "fallback"} <= {one.metric for one in read.effects}
    assert (read.experiment, read.units, read.mismatch_p) == (live.experiment, live.units, live.mismatch_p)
    for name in ("quality", "usd", "output_tokens", "reward", "error", "fallback"):
        one, other = read.effect(name), live.effect(name)
        assert one is not None
        assert other is not None
        assert one.difference is not None
        assert other.difference is not None
        assert one.difference.mean == pytest.approx(other.difference.mean)
        assert (one.difference.low is None) == (other.difference.low is None)
        assert one.difference.low == pytest.approx(other.difference.low)
        assert one.known == other.known
    untold = ab_of_log(tmp_path / "log.parquet")
    assert untold.effect("reward") is None
    assert NO_RATES in untold.notes
    assert NO_RATES not in read.notes


def test_a_failed_attempt_is_exported_as_the_fallback_it_became(tmp_path: Path) -> None:
    store = open_store("sqlite:///log.db", base=tmp_path)
    with Router(EVERYBODY, store) as router:
        first = router.route(request_class="code")
        router.feedback(first.id, error="timeout", usd=0.01)
        router.feedback(router.route(request_class="code", root_id=first.id).id, quality=0.9, usd=0.02)
        router.feedback(router.route(request_class="code").id, error="timeout")
        router.route(request_class="code")  # of which nothing is told
        export_log(store, EVERYBODY, tmp_path / "log.csv")
    with (tmp_path / "log.csv").open(newline="") as file:
        told = [(row["error"], row["fallback"]) for row in csv.DictReader(file)]
    assert told == [("0.0", "1.0"), ("1.0", "0.0"), ("", "0.0")]


def test_a_log_is_compared_as_its_experiment_declares(tmp_path: Path) -> None:
    declared = Experiment(
        "cheap",
        (ExperimentVariant("new", "thompson", 0.5), ExperimentVariant("old", "thompson", 0.5)),
        margin=0.03,
    )
    named = small(experiment=["cheap"] * 12)
    report = ab_of_log(write(tmp_path / "log.csv", *named), settings=Settings(experiments=(declared,)))
    assert (report.control, report.margin) == ("new", 0.03)
    asked = ab_of_log(
        tmp_path / "log.csv", asked=AskedAB(control="old"), settings=Settings(experiments=(declared,))
    )
    assert asked.control == "old"
