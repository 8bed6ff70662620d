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
# # An experiment: is it cheaper, and not worse?
#
# Half of the users get every answer from the premium model that was always used. The other half gets a
# model by the class of the request. After two weeks, what may be concluded?
#
# **To read your own experiment, change the path in the first cell.** A log is a CSV, JSONL or Parquet file
# with one row per request: `variant` and `unit` (who asked), `request_class`, `model`, and what is known of
# `quality`, `usd`, `seconds`, `output_tokens` and `error`. `banditroute export` writes one. Other names for
# columns are given as `columns={"variant": "arm"}`.

# %%
LOG = "../examples/experiment.csv.gz"
CONTROL = None  # the variant to compare with; None takes "control", else the first by name
MARGIN = 0.01  # how much quality may be lost and still count as not worse: one point of 100
MAX_USD = 0.05  # a request counts for at most so much; declare it before the experiment (None: no cap)

# %matplotlib inline

# %% [markdown]
# ## The verdict first
#
# One call reads the log and makes the report. It shows itself: the verdict, how the difference went as the
# experiment ran, every metric, every class, and what is saved.

# %%
from banditroute.reports import AskedAB, ab_of_log

report = ab_of_log(LOG, asked=AskedAB(control=CONTROL, margin=MARGIN, max_usd=MAX_USD))
report

# %% [markdown]
# ## Looking whenever you like
#
# The usual 95% interval holds for one look, at a sample size that was fixed beforehand. Who looks every day
# and stops when it looks good is fooled more often: in 13 to 67 of 100 experiments without any difference,
# by how they were run (the table is in `docs/experiments-statistics.md`). The bands below hold **at every
# look at once**: look as often as you like, stop when you like. They are wider at first; that is the price.
#
# Increments are users, not requests: ten requests of one user tell less than one request of ten users each.

# %% alt="The differences of quality, USD and seconds at every look, each with its band"
from IPython.display import display

from banditroute.errors import LogError

try:
    display(report.plot())
except LogError as early:
    print(early)

# %% [markdown]
# The line *agreed margin* is the loss that was accepted beforehand. As soon as the whole band lies above
# it, the treatment is not worse; as soon as it lies above zero, it is better. The decision as a word, for a
# program:

# %%
report.decision, report.verdict

# %% [markdown]
# ## Was it a fair draw?
#
# If users were lost on the way to one variant, nothing else in the report means anything. So the report
# checks whether as many came to each variant as were due, and says `broken` where that is next to
# impossible.

# %%
[(own.name, own.units, round(own.due)) for own in report.variants], f"p = {report.mismatch_p:.2f}"

# %% [markdown]
# ## Where does it come from?
#
# Overall figures hide classes that go opposite ways. Intervals here hold for all classes together, so that
# the worst-looking of six is not mistaken for a finding; a filled dot marks a clear one.
#
# In the example, a dearer model does much better at `reasoning`, and a cheaper one is clearly worse at
# `extraction`: the treatment can be mended by sending `extraction` back to the premium model.

# %% alt="The difference of quality in every class of request, with intervals for all classes together"
try:
    display(report.plot_classes())
except LogError as early:
    print(early)

# %% [markdown]
# ## How long would the next one take?
#
# Planned with the boundary that it will be read by. With answers whose quality has a standard deviation of
# 0.1 within a class, one request per user, and no true difference:

# %%
from banditroute.reports import plan

for margin in (0.02, 0.01, 0.005):
    needed = plan(sd=0.1, margin=margin, units_per_day=1_000)
    print(
        f"a margin of {100 * margin:.1f} points: {needed.units:>7,} users until {needed.power:.0%} of "
        f"experiments have decided (half of them by {needed.median:,}); "
        f"{needed.days:.0f} days at 1,000 users a day"
    )

# %% [markdown]
# ## The same from a terminal
#
# ```sh
# banditroute report ab examples/experiment.csv.gz --max-usd 0.05 --out experiment.html
# ```
#
# Without a log, it reads the event log of your configuration, also beside a running service.
