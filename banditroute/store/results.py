"""One row for each decision with what stands about it: what pages, reports and experiments read.

A row is a function of the decision, of its outcomes and of the names of the declared classes; it holds no
price and no worth of an error, which belong to the configuration and are applied when it is read
(`store.views`). NULL stands for what nobody told.
"""

from __future__ import annotations

from msgspec import Struct


class Facts(Struct, frozen=True):
    """What the outcomes of a decision say together, each None where nobody said it.

    `quality` is that of people, else of metrics, else of a judge, as `quality_source` tells; `judged` is the
    last score of a judge as it came, `judged_by` its instrument. `usd` is as reported; `input_tokens` as
    reported, else as the decision knew them. `error` is 1 where the call failed; `told` is 1 where anybody
    said anything.
    """

    quality: float | None = None
    quality_source: str | None = None
    judged: float | None = None
    judged_by: str | None = None
    usd: float | None = None
    seconds: float | None = None
    ttft_seconds: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    error: float | None = None
    told: int = 0


class Result(Struct, frozen=True):
    """A decision and what stands about it, field by field as the table `results` has it.

    `request_class` is `other` where classes are declared and this one is not. `unit` of a later attempt at a
    request without one is the id of the first. `expected_…` are those that
    the receipt gives of the chosen model.
    """

    seq: int
    id: str
    at: float
    request_class: str
    model: str
    policy: str
    kind: str
    mode: str
    experiment: str | None
    variant: str | None
    variant_share: float
    unit: str | None
    principal: str
    propensity: float
    attempt: int
    expected_quality: float | None
    expected_usd: float | None
    expected_seconds: float | None
    quality: float | None = None
    quality_source: str | None = None
    judged: float | None = None
    judged_by: str | None = None
    usd: float | None = None
    seconds: float | None = None
    ttft_seconds: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    error: float | None = None
    told: int = 0


FACTS = Facts.__struct_fields__
