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
# # A biased judge, a few people, and what both together know
#
# A language model that scores answers is cheap and scores them all. But it is off: it likes some models
# better than people do, and sees smaller differences than there are. People are right, by definition, but
# dear: they score a few.
#
# Here the judge is simulated and its errors are known, so that one can see what correcting it is worth.
# **To see the answers of your own service, put the path of its configuration into the first cell.**

# %%
CONFIG = ""  # for example "banditroute.toml"; empty simulates answers, a judge and people
ANSWERS = 4_000
ASKED = 0.10  # the share of answers that people were asked to score, at random

# %matplotlib inline

# %% [markdown]
# ## Three estimates of every model

# %% alt="Quality of every model by people, by the judge and by both together, beside the truth"
from banditroute.config.load import load_settings
from banditroute.reports import quality_of_store, quality_report, simulated_answers
from banditroute.routing.engine import opened_store

if CONFIG:
    settings, truth = load_settings(CONFIG), None
    store = opened_store(settings)
    report = quality_of_store(settings, store)
    store.close()
else:
    simulated = simulated_answers(ANSWERS, asked=ASKED)
    report, truth = quality_report(simulated.heard), simulated.truth
report.plot(truth=truth)

# %% [markdown]
# - **People alone** are right on average, with wide intervals: each model has a few dozen scores.
# - **The judge alone** has narrow intervals in the wrong places. They know chance, not bias.
# - **Both together** (prediction-powered inference): the judge's mean over all answers, plus, model by
#   model, the mean difference between people and judge where both spoke. As right as people, and narrower,
#   the more the better the judge follows them.

# %%
report

# %% [markdown]
# ## What a judge is worth depends on its noise, not on its bias
#
# A constant bias is taken out completely. What cannot be taken out is noise: a judge that scatters tells
# little about a single answer. Here is how wide the interval is beside that of people alone, on average
# over the models.

# %%
from banditroute.judge.simulated import JudgeProfile

for name, profile in {
    "sharp, strongly biased": JudgeProfile(offset=0.2, slope=0.6, model_sd=0.1, noise=0.05),
    "as in the picture": JudgeProfile(),
    "noisy, unbiased": JudgeProfile(offset=0.0, slope=1.0, model_sd=0.0, noise=0.4),
}.items():
    rows = quality_report(simulated_answers(ANSWERS, asked=ASKED, judge=profile).heard).models
    widths = [
        (row.powered.high - row.powered.low) / (row.people.high - row.people.low)
        for row in rows
        if row.powered and row.people
    ]
    print(f"{name:24} {sum(widths) / len(widths):.0%} of the width of people alone")

# %% [markdown]
# ## People who volunteer
#
# Those who score without being asked are no random sample: who is angry is likelier to press a button. Then
# people's plain means are off too. The judge sees also the answers that nobody scored, and that shows by
# how much:

# %% alt="The same three estimates where only volunteers scored"
volunteers = simulated_answers(ANSWERS, asked=0.0, volunteered=0.15, log_odds=-2.0)
answered = quality_report(volunteers.heard)
answered.plot(truth=volunteers.truth)

# %%
answered

# %% [markdown]
# That correction is a model with an assumption, which the verdict states; asking a random few needs none.
# `docs/judges-and-people.md` tells how to set that up, and
# `banditroute report quality --config banditroute.toml` prints the same report from a terminal.
