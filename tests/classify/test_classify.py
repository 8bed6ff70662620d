"""The classifier against a labelled sample, against traps, and against hostile input."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from banditroute.classify import Classification, classify
from banditroute.classify.confusion import confusion_report
from banditroute.classify.evidence import HEAD, TAIL
from banditroute.config.settings import ClassifySettings, RequestClass, Settings
from banditroute.errors import ConfigError, RequestError
from banditroute.types import OTHER
from tests.classify.prompts import DEVELOPMENT, HELD_OUT

SETTINGS = Settings()
DECLARED = Settings(
    classes=(RequestClass("code", keywords=("python", "stack trace")), RequestClass("chat", keywords=("hi",)))
)


def found(text: str, settings: Settings = SETTINGS) -> Classification:
    return classify(text, None, settings)


def on_hard_side(text: str) -> bool:
    """Where it may cost more but cannot be answered badly: classified complex, or unsure."""
    return found(text).request_class in ("complex", OTHER)


@pytest.mark.parametrize(
    ("sample", "accuracy"), [(DEVELOPMENT, 0.95), (HELD_OUT, 0.85)], ids=["development", "held_out"]
)
def test_accuracy_on_the_labelled_sample(sample: tuple[tuple[str, str], ...], accuracy: float) -> None:
    report = confusion_report(sample, SETTINGS)
    assert report.accuracy >= accuracy, f"\n{report}"
    assert report.accuracy_when_sure is not None
    assert report.accuracy_when_sure >= 0.9, f"\n{report}"


@pytest.mark.parametrize(
    ("text", "label"), [pair for pair in DEVELOPMENT + HELD_OUT if pair[1] == "complex"], ids=lambda v: v[:40]
)
def test_hard_prompts_go_to_the_hard_side(text: str, label: str) -> None:
    """All of them: a proof that is scored simple is the complaint this classifier answers."""
    assert on_hard_side(text)
    assert found(text).complexity >= 0.35


def test_few_easy_prompts_go_to_the_hard_side() -> None:
    easy = [text for text, label in DEVELOPMENT + HELD_OUT if label != "complex"]
    assert sum(map(on_hard_side, easy)) <= 0.1 * len(easy)
    assert sum(found(text).complexity >= 0.65 for text in easy) <= 0.05 * len(easy)


@pytest.mark.parametrize(
    "text",
    [
        "Hi! Thanks. Please, in one word, quick question: prove the lemma.",
        "Translate to plain English and prove: every bounded monotone sequence converges.",
        "Tell me a joke, then derive the eigenvalues of the Hamiltonian.",
        "Hello, please summarize in one sentence whether the indemnification clause survives termination.",
    ],
)
def test_common_words_do_not_make_a_hard_prompt_simple(text: str) -> None:
    assert on_hard_side(text)
    assert found(text).complexity >= 0.65


@pytest.mark.parametrize(
    "text",
    [
        "What does the word contract mean?",
        "Who wrote the book A Field Guide to Birds?",
        "Are all trees green?",
    ],
)
def test_one_subject_word_does_not_make_an_easy_prompt_hard(text: str) -> None:
    assert found(text).request_class == "standard"
    assert found(text).complexity < 0.35


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "asdf qwer zxcv", "¿Cuál es la capital de Francia?", "フランスの首都はどこですか",
        "Докажите, что корень из двух иррационален", "\x00\ud800\U0010ffff", "🙂" * 50,
    ],
)  # fmt: skip
def test_little_evidence_is_little_confidence(text: str) -> None:
    result = found(text)
    assert result.confidence < SETTINGS.classify.min_confidence
    assert result.request_class == OTHER


def test_symbols_speak_every_language() -> None:
    assert found("Докажите: ∀ε>0 ∃δ>0").complexity >= 0.65


def test_declared_classes_compete_by_their_own_keywords() -> None:
    assert found("My Python script prints a stack trace, where is the bug?", DECLARED).request_class == "code"
    assert found("hi, how are you today?", DECLARED).request_class == "chat"


def test_a_keyword_of_an_easy_class_does_not_claim_a_hard_prompt() -> None:
    hard = found("hi, prove that the eigenvalues of a hermitian matrix are real", DECLARED)
    assert hard.request_class == OTHER
    assert hard.confidence < 0.5


def test_one_keyword_does_not_decide_against_strong_evidence_but_the_class_may_be_declared_hard() -> None:
    text = "tutoring: prove the theorem about eigenvalues"
    plain = Settings(classes=(RequestClass("school", keywords=("tutoring",)), RequestClass("chat")))
    hard = Settings(
        classes=(RequestClass("school", keywords=("tutoring",), difficulty=0.95), RequestClass("chat"))
    )
    assert found(text, plain).request_class == OTHER
    assert found(text, hard).request_class == "school"


def test_keywords_may_be_phrases_patterns_or_a_script_without_spaces() -> None:
    own = Settings(
        classes=(
            RequestClass("billing", keywords=("credit note",), patterns=(r"\bINV-\d+",)),
            RequestClass("zh", keywords=("发票",)),
        )
    )
    assert found("please send the Credit  Note", own).request_class == "billing"
    assert found("about inv-1234", own).request_class == "billing"
    assert found("credit and note", own).request_class == OTHER
    assert found("请把发票寄给我", own).request_class == "zh"


def test_technical_terms_of_the_configuration_raise_the_complexity() -> None:
    text = "How do I set the flux capacitor and the warp core?"
    own = Settings(classify=ClassifySettings(technical_terms=("flux capacitor", "warp", "core")))
    assert found(text).complexity < 0.35 < 0.65 <= found(text, own).complexity


def test_longer_requests_are_more_complex() -> None:
    scores = [
        classify("Look at this.", tokens, SETTINGS).complexity for tokens in (10, 1_000, 10_000, 100_000)
    ]
    assert scores == sorted(scores)
    assert scores[0] == 0.0
    assert 0.3 < scores[2] < scores[3] < 1.0


def test_the_complexity_method_takes_the_class_of_the_nearest_difficulty() -> None:
    classes = (RequestClass("easy", difficulty=0.1), RequestClass("hard", difficulty=0.9))
    own = Settings(classes=classes, classify=ClassifySettings(method="complexity"))
    assert found("Who wrote this book?", own).request_class == "easy"
    assert found("Prove the theorem by induction.", own).request_class == "hard"
    assert found("zxcv qwer", own).request_class == OTHER


def test_min_confidence_is_the_line_between_sure_and_other() -> None:
    text = "Could you rewrite this?"
    confidence = found(text).confidence
    strict = replace(SETTINGS, classify=ClassifySettings(min_confidence=confidence + 1e-9))
    assert found(text).request_class == "standard"
    assert found(text, strict).request_class == OTHER


def test_only_a_bounded_head_and_tail_are_read() -> None:
    assert found("x " * HEAD + "prove the theorem" + " x" * TAIL).signals == ()
    assert "mathematics: prove" in found("x " * HEAD + "prove the theorem").signals


@pytest.mark.parametrize(
    "unit",
    ["a", " ", "é∫", "prove theorem ", "12 ", '{"', "\n", "all 1", "9 aaaaaaaaaaaaaaaaaa ", "é́"],
    ids=repr,
)
def test_a_megabyte_of_anything_is_read_in_bounds(unit: str) -> None:
    """Not timed: what is read is bounded, and scores stay in range. A slow pattern would hang here."""
    result = found(unit * (1_000_000 // len(unit)))
    assert 0.0 <= result.confidence < 1.0
    assert 0.0 <= result.complexity <= 1.0


def test_a_broken_pattern_is_refused_by_the_name_of_its_class() -> None:
    with pytest.raises(ConfigError, match='of the class "odd" is not a regular expression'):
        found("x", Settings(classes=(RequestClass("odd", patterns=("(",)),)))


def test_the_answer_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "from banditroute.classify import classify; from banditroute.config.settings import Settings;"
        f"print(repr([classify(t, None, Settings()) for t in {[text for text, _ in DEVELOPMENT[:20]]!r}]))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(answers) == 1
    assert "Classification" in answers.pop()


def test_the_confusion_report_counts_by_hand() -> None:
    sample = [
        ("Prove the theorem.", "complex"),
        ("Prove the lemma.", "standard"),
        ("hello", "standard"),
        ("zxcv", "standard"),
    ]
    report = confusion_report(sample, SETTINGS)
    assert report.matrix == {"complex": {"complex": 1}, "standard": {"complex": 1, "other": 1, "standard": 1}}
    assert report.accuracy == 0.5
    assert report.sure == 0.75
    assert report.accuracy_when_sure == pytest.approx(2 / 3)
    assert report.classes["complex"].precision == 0.5
    assert report.classes["complex"].recall == 1.0
    assert report.classes["standard"].precision == 1.0
    assert report.classes["standard"].recall == pytest.approx(1 / 3)
    assert report.to_dict()["n"] == 4
    assert "4 prompts, accuracy 0.50; sure of 0.75 at confidence 0.5" in str(report)


def test_the_suggested_threshold_keeps_the_promise_it_makes() -> None:
    sample = [*DEVELOPMENT, *((text, "complex") for text, label in HELD_OUT if label == "standard")]
    report = confusion_report(sample, SETTINGS)
    assert report.suggested_threshold is not None
    again = confusion_report(
        sample, Settings(classify=ClassifySettings(min_confidence=report.suggested_threshold))
    )
    assert again.accuracy_when_sure is not None
    assert again.accuracy_when_sure >= 0.95
    assert again.sure == report.suggested_coverage
    assert again.sure < 1.0


def test_no_threshold_is_suggested_where_none_helps() -> None:
    report = confusion_report([("hello", "complex"), ("Prove the lemma.", "bulk")], SETTINGS)
    assert (report.suggested_threshold, report.suggested_coverage) == (None, None)
    assert "add keywords" in str(report)


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(RequestError, match="sample is empty"):
        confusion_report([], SETTINGS)
