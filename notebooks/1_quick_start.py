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
# # Quick start: a router that learns while you watch
#
# An application asks the router which model to use, calls that model itself, and reports what came of it.
# From nothing but these reports the router learns which model is worth its price for which kind of request.
#
# This notebook does all of it against a real service on this computer. The requests and the models are
# simulated, so nothing is sent anywhere and nothing is paid. **To use your own service, put its address
# into the first cell**; the same simulated answers are then reported to it, so take one that is there for
# trying.

# %%
URL = ""  # for example "http://127.0.0.1:8400"; empty starts a service here and ends it again
REQUESTS = 300

# %matplotlib inline

# %% [markdown]
# ## A service
#
# `banditroute init` writes a configuration with six simulated models, and `banditroute serve` runs it. Here
# both are called from Python, in a folder that goes away at the end.

# %%
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from banditroute import Client
from banditroute.config.starter import write_starter
from banditroute.demo.server import free_port, serving

own = ExitStack()
if not URL:
    folder = Path(own.enter_context(TemporaryDirectory()))
    write_starter(folder / "banditroute.toml")
    port = free_port(0)
    own.enter_context(serving(folder / "banditroute.toml", port))
    URL = f"http://127.0.0.1:{port}"
client = own.enter_context(Client(URL))
[model["id"] for model in client.models()["data"]]

# %% [markdown]
# ## One request
#
# The application says what it knows: the class of the request (or its text, from which the router tells the
# class), how long it is, how long the answer may be. Everything is optional.

# %%
decision = client.route(request_class="code", input_tokens=812, max_output_tokens=400)
decision.model

# %% [markdown]
# It calls that model, and reports what it measured: what the answer was worth, how long it took, how many
# tokens it had. Prices are in the configuration. Whatever is not known is left out, and may be told later.

# %%
client.feedback(decision.id, quality=0.9, latency_ms=2140, output_tokens=377)

# %% [markdown]
# ## The receipt: why this model?
#
# Every decision can be looked up. A model is *drawn*: the probability that it is chosen is the probability
# that it is the best, as far as is known. So a model about which little is known gets its chances, and one
# that is known to be worse gets none. The probabilities below are exact and are logged, which is what makes
# [off-policy evaluation](3_off_policy_evaluation.ipynb) possible later.

# %%
from banditroute.reports import receipt_of

receipt_of(client.decision(decision.id))

# %% [markdown]
# ## Some traffic
#
# Now a few hundred requests of the simulated world, as an application would send them. How each model would
# answer each request is fixed beforehand; the router hears only of the one that it chose.

# %%
from banditroute.demo.application import feedback_fields, request_fields
from banditroute.upstream.simulated import SimulatedWorld

world = SimulatedWorld(seed=1)
position = {model.id: i for i, model in enumerate(world.models)}
outcomes = world.outcomes(REQUESTS)
chosen = []
for i in range(REQUESTS):
    choice = client.route(**request_fields(world.request(i)))
    chosen.append(choice.model)
    heard = client.feedback(choice.id, **feedback_fields(outcomes, i, position[choice.model]))
heard

# %% [markdown]
# ## What the router believes now
#
# `GET /v1/state` says of every model in every class what is believed of its quality, cost and wait: a mean,
# its 95% interval, and how many outcomes are behind it. `min_seq` waits until the last report is folded in.

# %% alt="What is believed of the quality of every model in every class, with intervals"
from banditroute.reports import beliefs_of

beliefs = beliefs_of(client.state(min_seq=heard.event_seq))
beliefs.plot()

# %% [markdown]
# Intervals are narrow where a model was used, and wide where it was not: the router stopped spending
# requests on what is not worth its price. Quality is not all that it goes by. What a request costs:

# %% alt="What is believed of the cost of a request, by model and class, with intervals"
beliefs.plot(factor="usd")

# %% [markdown]
# The same as a table, and the ten choices that were made last:

# %%
beliefs

# %%
chosen[-10:]

# %% [markdown]
# ## The end
#
# The service that was started here ends, and its folder goes. Yours, if you named one, goes on.

# %%
own.close()
