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
# # What if? Simulated scenarios
#
# Before anything is served, one may ask what the router *would* do: when a model becomes worse overnight,
# when a price falls, when feedback comes late or not at all. A scenario is a small file that says what
# happens when; it is played under the learning router and under every static rule, over several seeds, with
# the same luck for all.
#
# **To play your own, change the name in the first cell** to the path of a `.toml` file
# (`simulations/README.md` says how they are written), or set `LOG` to a log in which every model answered
# every request.

# %%
SCENARIO = "regression"
LOG = ""  # for example "history.parquet"; empty takes a benchmark of 1,000 requests and six models
LEARNERS = ["thompson, watches for changes", "thompson, never forgets"]  # of the scenario; [] takes all
SEEDS = 2
JOBS = 1  # processes at work; None takes every core, which pays with more seeds

# %matplotlib inline

# %% [markdown]
# ## A model becomes worse
#
# In `regression`, every answer of deepseek-v3, which is good and cheap until then, loses a quarter of its
# score at request 6,000, and nobody says so. Two learners play: one that watches for changes, and one that
# never forgets.

# %% alt="Reward, share of each model and spend over the requests, before and after the event"
from banditroute.offline import simulate_scenario

result = simulate_scenario(SCENARIO, LEARNERS, seeds=SEEDS, jobs=JOBS)
result.plot()

# %% [markdown]
# On top, the reward of each policy over the requests, beside that of somebody who knows every change at once
# (dotted); a learner may stand above that, since it sees more of a request than its class. The band goes
# from the worst to the best of the seeds. Rules that were written before stay where they were; the learners
# hear of the change in their feedback and move traffic elsewhere, the one that watches for changes much
# faster. The table says the same in figures, before and after the event:

# %%
result

# %% [markdown]
# ## A log of your own
#
# Where every model has answered every request (as `banditroute collect` arranges it), the log itself is the
# world: nothing about it is assumed.

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

from banditroute import simulate
from banditroute.offline import read_log
from banditroute.offline.logs.importers.convert import import_log

with TemporaryDirectory() as folder:
    path = Path(LOG or f"{folder}/history.parquet")
    if not LOG:
        import_log("routerbench", "../examples/benchmark.csv", path)
    log = read_log(path)
replayed = simulate(
    log, ["thompson", "fixed:gpt-4o", "cheapest"], weights={"usd": 20.0}, seeds=SEEDS, jobs=JOBS
)
replayed

# %% alt="Regret of each policy over the log, and the models that the learner chose"
replayed.plot()

# %% [markdown]
# Regret is what a policy lost against the best rule per class that could have been known afterwards. A
# static rule loses the same amount with every request; a learner pays at first, and then less and less.
#
# ## The same from a terminal
#
# ```sh
# banditroute simulate regression --seeds 2 --plot regression.png
# ```
