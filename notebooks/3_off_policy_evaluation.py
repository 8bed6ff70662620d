# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What would another rule have earned? Off-policy evaluation
#
# A router that draws its choices, and logs with which probability, leaves a log from which other rules can
# be judged without serving anybody by them: where the other rule agrees with what was drawn, the outcome is
# known, and the logged probability says for how many requests it stands.
#
# **To use your own log, change the path in the first cell**: a CSV, JSONL or Parquet file with one row per
# request, and in it `model`, `propensity` (the probability with which the model was drawn), `quality`, and
# where they are known `usd` and `seconds`. `banditroute export` writes one; other column names are given as
# `columns={"usd": "cost"}`.

# %%
LOG = "../examples/decisions.csv"
WEIGHTS = {"quality": 1.0, "usd": 20.0}  # a cent more must buy 0.2 of quality (of 0 to 1)
POLICIES = [
    "fixed:gpt-4o",
    "fixed:deepseek-v3",
    "cheapest",
    "per_class:{reasoning: claude-sonnet, *: deepseek-v3}",
]

# %matplotlib inline

# %% [markdown]
# ## Every rule, with its interval
#
# By default four estimators are shown. *Doubly robust* (`dr`) leads: it corrects a model of the outcomes by
# what was observed, and is unbiased as long as the logged probabilities are right. `ips` uses nothing else
# than these, `dm` only the model, which is where they differ.

# %%
from banditroute import evaluate

result = evaluate(LOG, POLICIES, weights=WEIGHTS)
result

# %% alt="The estimated reward of every rule with its interval, by each estimator"
result.plot()

# %% [markdown]
# An interval that contains the value of what was logged says that the log cannot tell the two apart: either
# there is no difference, or the log is too small.
#
# ## Can the log tell at all?
#
# Where a rule takes a model that was hardly ever drawn, few rows speak for many requests. The *effective
# sample size* says how many rows the answer really rests on, and the largest weight how much of it hangs on
# a single one.

# %%
for policy in result.to_dict()["policies"]:
    first = policy["estimates"][0]
    print(f"{policy['policy'][:60]:60}  {first['estimator']}: effective sample size {first['ess']:,.0f}")

# %% [markdown]
# ## What is refused
#
# A model that was never drawn where a rule would take it has no outcome that could stand for it. Then there
# is no answer, whatever the estimator, and none is given. Here the log is cut to the rows of one model:

# %%
from banditroute.errors import LogError

try:
    evaluate(LOG, ["fixed:gpt-4o"], weights=WEIGHTS, where={"model": "gpt-4o-mini"})
except LogError as refusal:
    print(refusal)

# %% [markdown]
# ## The same from a terminal
#
# ```sh
# banditroute evaluate examples/decisions.csv --policy fixed:gpt-4o --policy cheapest --plot evaluation.png
# ```
#
# What the estimators assume, and when their intervals hold, stands in `docs/estimators.md`.
