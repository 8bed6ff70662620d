"""What entries of the configuration say about each other: names given once, and names that exist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import pairwise

from banditroute.config.checks import nearest
from banditroute.config.lines import Path
from banditroute.config.problems import Problems
from banditroute.config.settings import ClassifySettings, PolicySettings, RequestClass, Rule, Upstream
from banditroute.types import OTHER, Model

_MISFIT = (
    "model and tier must fit each other, and request_class keeps the models with the tag "
    '"class:NAME"; change the rule or tag a model.'
)


def check_references(
    classify: ClassifySettings,
    upstreams: Mapping[int, Upstream],
    models: Mapping[int, Model],
    classes: Mapping[int, RequestClass],
    rules: Mapping[int, Rule],
    problems: Problems,
) -> None:
    """Notes every name that is given twice or that nothing bears. Entries come by position."""
    _check_unique("upstreams", "name", {i: upstream.name for i, upstream in upstreams.items()}, problems)
    _check_unique("models", "id", {i: model.id for i, model in models.items()}, problems)
    _check_unique("classes", "name", {i: cls.name for i, cls in classes.items()}, problems)
    _check_tiers(classify, problems)
    names = {upstream.name for upstream in upstreams.values()}
    for i, model in models.items():
        path, label = ("models", i), f'[[models]] "{model.id}"'
        if model.provider and names:
            _refer((*path, "upstream"), f"upstream in {label}", model.provider, names, problems)
        _refer((*path, "tier"), f"tier in {label}", model.tier, classify.tiers, problems)
    known_models = {model.id for model in models.values()}
    known_classes = [cls.name for cls in classes.values()] + [OTHER]
    served = {model.tier for model in models.values()}
    for i, rule in rules.items():
        before = len(problems.found)
        _check_rule(("rules", i), rule, known_models, served, known_classes, problems)
        if len(problems.found) == before and not any(_keeps(rule, model) for model in models.values()):
            problems.add(("rules", i), f'[[rules]] "{rule.reason}" leaves no model: {_MISFIT}')
        if _holds_always(rule) and i < max(rules):
            problems.add(
                ("rules", i),
                f'[[rules]] "{rule.reason}" has no condition, so the rules below it never apply; '
                "add a condition or move it to the end.",
            )


def check_policy(policy: PolicySettings, problems: Problems) -> None:
    """Notes an experiment under a canary: the canary divides the requests itself."""
    if not policy.mode.startswith("canary"):
        return
    for key, spec in (("name", policy.name), ("baseline", policy.baseline)):
        if spec.partition(":")[0].strip() == "split":
            problems.add(
                ("policy", key),
                f"{key} in [policy] is a split, and the mode {policy.mode} divides the requests already; "
                'set mode = "live" for the experiment, or name a policy that decides by itself.',
            )


def _check_unique(table: str, key: str, names: Mapping[int, str], problems: Problems) -> None:
    counts = Counter(names.values())
    seen: set[str] = set()
    for i, name in names.items():
        if counts[name] > 1 and name in seen:
            problems.add(
                (table, i, key), f'the {key} "{name}" is given twice in [[{table}]]; rename or remove one.'
            )
        seen.add(name)


def _check_tiers(classify: ClassifySettings, problems: Problems) -> None:
    tiers, thresholds = classify.tiers, classify.thresholds
    if not tiers:
        problems.add(
            ("classify", "tiers"), 'tiers in [classify] is empty; name one at least, as in ["standard"].'
        )
    elif len(thresholds) != len(tiers) - 1:
        problems.add(
            ("classify", "thresholds"),
            f"thresholds in [classify] must be {len(tiers) - 1}, one between each two of the {len(tiers)} "
            f"tiers, not {len(thresholds)}.",
        )
    if any(low >= high for low, high in pairwise(thresholds)):
        problems.add(
            ("classify", "thresholds"),
            "thresholds in [classify] must rise; sort them from the lowest to the highest.",
        )
    if classify.unsure_tier:
        _refer(
            ("classify", "unsure_tier"), "unsure_tier in [classify]", classify.unsure_tier, tiers, problems
        )


def _check_rule(
    path: Path,
    rule: Rule,
    models: Collection[str],
    tiers: Collection[str],
    classes: Collection[str],
    problems: Problems,
) -> None:
    label = f'[[rules]] "{rule.reason}"'
    if rule.model is not None:
        _refer((*path, "model"), f"model in {label}", rule.model, models, problems)
    if rule.tier is not None:
        _refer((*path, "tier"), f"tier in {label}", rule.tier, tiers, problems, "a tier of any model")
    if rule.request_class is not None:
        _refer((*path, "request_class"), f"request_class in {label}", rule.request_class, classes, problems)
    for name in rule.classes:
        _refer((*path, "classes"), f"classes in {label}", name, classes, problems)
    if rule.model is None and rule.tier is None and rule.request_class is None and not rule.params:
        problems.add(path, f"{label} has no effect; add model, tier, request_class or params.")
    if rule.min_tokens is not None and rule.max_tokens is not None and rule.min_tokens > rule.max_tokens:
        problems.add((*path, "min_tokens"), f"min_tokens in {label} is above max_tokens; swap the two.")


def _keeps(rule: Rule, model: Model) -> bool:
    """Whether the rule leaves this model (as `core.rules`, which stands above this floor, applies it)."""
    return (
        rule.model in (None, model.id)
        and rule.tier in (None, model.tier)
        and (rule.request_class is None or f"class:{rule.request_class}" in model.tags)
    )


def _holds_always(rule: Rule) -> bool:
    texts = rule.pattern is not None or bool(rule.keywords)
    tokens = rule.min_tokens is not None or rule.max_tokens is not None
    return not (texts or tokens or rule.classes or rule.tags or rule.user_tiers)


def _refer(
    path: Path, label: str, name: str, known: Collection[str], problems: Problems, kind: str = "declared"
) -> None:
    if name not in known:
        problems.add(path, f'{label} names "{name}", which is not {kind}; {nearest(name, sorted(known))}')
