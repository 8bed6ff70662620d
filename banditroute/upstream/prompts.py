"""Prompts for the simulated world: plain and demanding ones per class, for classifiers to read.

Only the instruction is written out; the document, history or file it speaks of is in the
request's `input_tokens`. Some are ambiguous on purpose: real ones are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Templates:
    """Templates of one class: `{}` takes one of the `topics`."""

    plain: Sequence[str]
    demanding: Sequence[str]
    topics: Sequence[str]


TEMPLATES: Mapping[str, Templates] = {
    "code": Templates(
        plain=(
            "Write a Python function that parses {}.",
            "Fix the bug in this function that reads {}: it raises a TypeError on empty input.",
            "Add a unit test for the class that loads {}.",
            "What does this SQL query over {} return?",
            "Rename the variables in this JavaScript code for {} so that they are readable.",
        ),
        demanding=(
            (
                "Refactor this Python module for {} to be thread-safe, keep the public API, and explain "
                "why each lock is needed. Then write property-based tests for the invariants."
            ),
            (
                "Implement a lock-free queue in Rust for {}; argue its memory ordering and its time "
                "complexity."
            ),
            (
                "Debug this race condition in the code that handles {}: the traceback appears once in a "
                "thousand runs. Find the cause, write a failing test, and propose a fix that does not "
                "lose throughput."
            ),
        ),
        topics=(
            "CSV invoices",
            "web server logs",
            "ISO dates",
            "a binary protocol",
            "user sessions",
            "price lists",
        ),
    ),
    "chat": Templates(
        plain=(
            "Hi! Can you suggest something nice to do about {}?",
            "Thanks, that helped. Tell me more about {}.",
            "What do you think about {}?",
            "Hello, I would like a few friendly words about {} for a card.",
            "Could you give me three ideas for {}?",
        ),
        demanding=(
            (
                "I have been going back and forth with my sister about {} for weeks. She feels that I "
                "never listen, I feel that I am always the one who gives in. How would you open that "
                "conversation, and what would you avoid saying?"
            ),
            (
                "Chat with me as a patient coach about {}: ask me one question at a time, and remember my"
                " answers."
            ),
        ),
        topics=(
            "a rainy weekend",
            "our team dinner",
            "learning the guitar",
            "a small garden",
            "moving house",
        ),
    ),
    "extraction": Templates(
        plain=(
            "Extract the names and dates from {} below.",
            "List every amount in {} as JSON.",
            "Pull out the e-mail addresses found in {}.",
            "Extract the fields vendor, total and due date from {} as JSON.",
            "Find the order number in {}.",
        ),
        demanding=(
            (
                "Extract every obligation in {} as JSON with party, deadline, amount, currency and the "
                "clause it comes from; amounts in words count too, and a later amendment overrides the "
                "clause it amends."
            ),
            (
                "From {}, extract a table of people, roles and the periods in which they held them; merge"
                " spellings of the same name and leave unknown fields null."
            ),
        ),
        topics=(
            "this invoice",
            "the attached contract",
            "this e-mail thread",
            "the scanned form",
            "this report",
        ),
    ),
    "summarization": Templates(
        plain=(
            "Summarize {} in three sentences.",
            "Give me a short summary of {}.",
            "TL;DR of {}, please.",
            "Summarise the key points of {} as bullet points.",
        ),
        demanding=(
            (
                "Summarize {} for the board on one page: decisions, open risks with their owners, and "
                "what changed since the last one; keep every figure, and say where the text contradicts "
                "itself."
            ),
            (
                "Write an executive summary of {} that keeps the argument's structure, and name its "
                "weakest step."
            ),
        ),
        topics=(
            "the minutes below",
            "this research paper",
            "the incident report",
            "this chapter",
            "the interview",
        ),
    ),
    "reasoning": Templates(
        plain=(
            "A problem about {}: how many are there? Explain step by step.",
            "Which of these two conclusions about {} follows from the premises? Give the reason.",
            "Calculate the expected value in this puzzle about {}.",
        ),
        demanding=(
            "Prove the following statement about {}, or give a counterexample; justify every step.",
            (
                "Derive a closed form for the expectation in this problem about {} and prove that it "
                "converges."
            ),
            (
                "Work out step by step which strategy is optimal in this game about {}, and prove its "
                "optimality."
            ),
        ),
        topics=(
            "coloured marbles",
            "seating plans",
            "prime numbers",
            "random walks",
            "three liars",
            "a fair coin",
        ),
    ),
    "translation": Templates(
        plain=(
            "Translate {} into German.",
            "Translate {} from French to English.",
            "How do you say {} in Spanish?",
            "Please translate {} to Japanese.",
        ),
        demanding=(
            (
                "Translate {} into legal German; keep the numbering, use the terms of art, and mark in "
                "brackets every passage where no exact equivalent exists."
            ),
            (
                "Translate {} into French verse, keeping the metre, the rhyme scheme and the pun in the "
                "last line."
            ),
        ),
        topics=(
            "this paragraph",
            "the following letter",
            "the product page",
            "the sentence below",
            "this notice",
        ),
    ),
}


def prompt(request_class: str, difficulty: float, kind: float, template: float, topic: float) -> str:
    """One prompt, demanding with probability `difficulty`; the last three arguments are uniform numbers."""
    templates = TEMPLATES[request_class]
    choices = templates.demanding if kind < difficulty else templates.plain
    return _pick(choices, template).format(_pick(templates.topics, topic))


def _pick(choices: Sequence[str], u: float) -> str:
    return choices[int(u * len(choices))]
