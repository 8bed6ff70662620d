"""Configurations that are wrong in one way each. The line that must be named ends with `# <-`.

Each comes with what the sentence must say of the way out.
"""

from __future__ import annotations

MODEL = '[[models]]\nid = "small"\n'

BAD = {
    "unknown section": ('[sevrer] # <-\nhost = "a"', 'did you mean "server"?'),
    "unknown key": ("[server]\nprot = 1 # <-", 'did you mean "port"?'),
    "unknown key, nothing near": ("[server]\nzzz = 1 # <-", "known: host, port"),
    "key outside its section": ("port = 8400 # <-", "move it below [server]"),
    "single brackets": ('[upstreams] # <-\nname = "a"', "[[upstreams]], in double brackets"),
    "double brackets": ('[[server]] # <-\nhost = "a"', "[server], once, in single brackets"),
    "port out of range": ("[server]\nport = 99_999 # <-", "from 1 to 65535"),
    "port as text": ('[server]\nport = "8400" # <-', 'whole number from 1 to 65535, not "8400"'),
    "port as yes": ("[server]\nport = true # <-", "whole number from 1 to 65535, not true"),
    "flag as text": ('[store]\nprompts = "no" # <-', "must be true or false"),
    "store without scheme": ('[store]\nurl = "banditroute.db" # <-', "sqlite:///banditroute.db"),
    "store with a password": ('[store]\nurl = "postgresql://me:pw@host/db" # <-', "BANDITROUTE_STORE__URL"),
    "negative weight": ("[reward]\nusd = -1 # <-", "a number of 0 or more"),
    "infinite weight": ("[reward]\nsecond = inf # <-", "a finite number"),
    "nan weight": ("[reward]\nquality = nan # <-", "a number of 0 or more"),
    "error quality above one": ("[reward]\nerror_quality = 1.5 # <-", "from 0 to 1"),
    "mode": ('[policy]\nmode = "life" # <-', 'did you mean "live"?'),
    "canary without a share": ('[policy]\nmode = "canary" # <-', '"canary:0.05"'),
    "canary above one": ('[policy]\nmode = "canary:5" # <-', "between 0 and 1"),
    "horizon zero": ("[policy]\nhorizon = 0 # <-", "of 1 or more"),
    "half-life of an unknown factor": (
        "[policy]\nhalf_life_days = { qualty = 3 } # <-",
        'did you mean "quality"?',
    ),
    "half-life zero": ("[policy.half_life_days]\nquality = 0 # <-", "above 0"),
    "thresholds out of order": ("[classify]\nthresholds = [0.7, 0.3] # <-", "from the lowest to the highest"),
    "threshold above one": (
        "[classify]\nthresholds = [0.3, 1.7] # <-",
        "item 2 must be a number from 0 to 1",
    ),
    "thresholds that miss a tier": ("[classify]\nthresholds = [0.3] # <-", "must be 2"),
    "classifier": ('[classify]\nmethod = "keyword" # <-', 'did you mean "keywords"?'),
    "unsure tier": ('[classify]\nunsure_tier = "premum" # <-', 'did you mean "premium"?'),
    "feature scale": (
        "[features.numeric]\ndifficulty = { center = 0.5, scale = 0 } # <-",
        "must be a number above 0",
    ),
    "features as text": ('[features]\nnumeric = "difficulty" # <-', 'a list of names like ["difficulty"]'),
    "a later section": ("[budget] # <-\ndaily_usd = 3", "not supported by this version yet; remove"),
    "experiments": ('[[experiments]] # <-\nname = "x"', "not supported by this version yet; remove"),
    "secret in the file": (
        '[[upstreams]]\nname = "openai"\napi_key = "sk-123" # <-',
        'api_key_env = "NAME"',
    ),
    "secret instead of a name": (
        '[[upstreams]]\nname = "openai"\napi_key_env = "sk-123" # <-',
        "the name of an environment variable",
    ),
    "dialect": ('[[upstreams]]\nname = "a"\ndialect = "open-ai" # <-', 'did you mean "openai"?'),
    "address": ('[[upstreams]]\nname = "a"\nbase_url = "a.b" # <-', "http:// or https://"),
    "model without id": ('[[models]] # <-\ntier = "budget"', 'add id = "…"'),
    "model twice": ('[[models]]\nid = "small" # <-', "rename or remove one"),
    "model called auto": ('[[models]]\nid = "auto" # <-', 'must not be "auto"'),
    "model at an unknown upstream": (
        '[[upstreams]]\nname = "openai"\n[[models]]\nid = "b"\nupstream = "openia" # <-',
        'did you mean "openai"?',
    ),
    "model of an unknown tier": ('[[models]]\nid = "b"\ntier = "budgt" # <-', 'did you mean "budget"?'),
    "negative price": (
        '[[models]]\nid = "b"\nusd_per_million_output = 1\nusd_per_million_input = -1 # <-',
        "a number of 0 or more",
    ),
    "half a price": (
        '[[models]] # <-\nid = "b"\nusd_per_million_output = 1',
        "add usd_per_million_input",
    ),
    "capabilities as text": ('[[models]]\nid = "b"\ncapabilities = "json" # <-', "in [square brackets]"),
    "class twice": ('[[classes]]\nname = "a"\n[[classes]]\nname = "a" # <-', "rename or remove one"),
    "class name too long": (
        f'[[classes]]\nname = "{"x" * 201}" # <-',
        "at most 200 characters; this has 201",
    ),
    "class named other": ('[[classes]]\nname = "other" # <-', "choose another name"),
    "class parameter": (
        '[[classes]]\nname = "a"\nparams = { max_tokens = 0 } # <-',
        'entry "max_tokens" must be a whole number of 1 or more',
    ),
    "class pattern": ("[[classes]]\nname = 'a'\npatterns = ['ok', '('] # <-", "escape special characters"),
    "rule pattern": ("[[rules]]\nreason = 'r'\ntier = 'standard'\npattern = '[a' # <-", "escape special"),
    "rule for an unknown model": (
        '[[rules]]\nreason = "r"\nmodel = "smal" # <-',
        'did you mean "small"?',
    ),
    "rule for a tier nobody has": (
        '[[rules]]\nreason = "r"\ntier = "premium" # <-',
        "known: standard",
    ),
    "rule about an unknown class": (
        '[[rules]]\nreason = "r"\nmodel = "small"\nclasses = ["code"] # <-',
        "known: other",
    ),
    "rule without effect": ('[[rules]] # <-\nreason = "r"', "add model, tier, request_class or params"),
    "rule that leaves no model": (
        '[[rules]] # <-\nreason = "r"\nrequest_class = "other"',
        'tag "class:NAME"',
    ),
    "rule that hides the next": (
        '[[rules]] # <-\nreason = "all"\nmodel = "small"\n[[rules]]\nreason = "b"\nmodel = "small"',
        "add a condition",
    ),
    "rule with crossed bounds": (
        '[[rules]]\nreason = "r"\nmodel = "small"\nmin_tokens = 9 # <-\nmax_tokens = 3',
        "swap the two",
    ),
    "not TOML": ("[server]\nhost = localhost # <-", 'text in "quotes"'),
    "key twice": ('[server]\nhost = "a"\nhost = "b" # <-', "keep one of the two"),
    "table twice": ('[server]\nhost = "a"\n[server] # <-', "keep one of the two"),
}
"""Name -> (what follows a good model, what the sentence must contain)."""
