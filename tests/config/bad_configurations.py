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
    "host that is none": ('[server]\nhost = "a..b" # <-', "an address or the name of a host"),
    "port out of range": ("[server]\nport = 99_999 # <-", "from 1 to 65535"),
    "port as text": ('[server]\nport = "8400" # <-', 'whole number from 1 to 65535, not "8400"'),
    "port as yes": ("[server]\nport = true # <-", "whole number from 1 to 65535, not true"),
    "flag as text": ('[store]\nprompts = "no" # <-', "must be true or false"),
    "store without scheme": ('[store]\nurl = "banditroute.db" # <-', "write sqlite:///file.db or memory://"),
    "store with a password": ('[store]\nurl = "postgresql://me:pw@host/db" # <-', "write sqlite:///file.db"),
    "telemetry to no address": ('[telemetry]\nendpoint = "collector:4318" # <-', "begins with http://"),
    "headers in place of their variable": (
        '[telemetry]\nheaders_env = "authorization=x" # <-',
        "the name of an environment variable",
    ),
    "sample above one": ("[telemetry]\nsample = 2 # <-", "from 0 to 1"),
    "format of the log": ('[logging]\nformat = "jsn" # <-', 'did you mean "json"?'),
    "level of the log": ('[logging]\nlevel = "warn" # <-', 'did you mean "warning"?'),
    "negative weight": ("[reward]\nusd = -1 # <-", "a number from 0 to 1,000,000,000, not -1"),
    "infinite weight": ("[reward]\nsecond = inf # <-", "from 0 to 1,000,000,000, not inf"),
    "nan weight": ("[reward]\nquality = nan # <-", "from 0 to 1,000,000,000, not nan"),
    "every weight zero": ("[reward] # <-\nquality = 0\nusd = 0.0", "give at least one above 0"),
    "error quality above one": ("[reward]\nerror_quality = 1.5 # <-", "from 0 to 1"),
    "mode": ('[policy]\nmode = "life" # <-', 'did you mean "live"?'),
    "canary without a share": ('[policy]\nmode = "canary" # <-', '"canary:0.05"'),
    "canary above one": ('[policy]\nmode = "canary:5" # <-', "between 0 and 1"),
    "horizon zero": ("[policy]\nhorizon = 0 # <-", "from 1 to 1,000,000,000,000, not 0"),
    "half-life of an unknown factor": (
        "[policy]\nhalf_life_days = { qualty = 3 } # <-",
        'did you mean "quality"?',
    ),
    "half-life zero": ("[policy.half_life_days]\nquality = 0 # <-", "from 0.001 to 1,000,000, not 0"),
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
        "must be a number from 1e-09 to 1,000,000,000",
    ),
    "features as text": ('[features]\nnumeric = "difficulty" # <-', 'a list of names like ["difficulty"]'),
    "a later section": ("[cache] # <-\nseconds = 3", "not supported by this version yet; remove"),
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
        "a number from 0 to 1,000,000",
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
        'entry "max_tokens" must be a whole number from 1 to 1,000,000,000',
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
    "an experiment under a canary": (
        '[policy]\nmode = "canary:0.1"\nname = "split:{a: random 0.5, b: cheapest 0.5}" # <-',
        'set mode = "live" for the experiment',
    ),
    "an experiment as the baseline of a canary": (
        '[policy]\nmode = "canary:0.1"\nbaseline = " split:{a: random 0.5, b: cheapest 0.5}" # <-',
        "name a policy that decides by itself",
    ),
    "guardrail without a baseline": ('[[guardrails]] # <-\nrequest_class = "*"', 'baseline = "…"'),
    "guardrail for an unknown baseline": (
        '[[guardrails]]\nrequest_class = "other"\nbaseline = "smal" # <-',
        'did you mean "small"?',
    ),
    "guardrail about an unknown class": (
        '[[guardrails]]\nrequest_class = "code" # <-\nbaseline = "small"',
        "known: other",
    ),
    "guardrail twice": (
        '[[guardrails]]\nrequest_class = "*"\nbaseline = "small"\n'
        '[[guardrails]]\nrequest_class = "*" # <-\nbaseline = "small"',
        "keep one",
    ),
    "guardrail that never tries again": (
        '[[guardrails]]\nrequest_class = "*"\nbaseline = "small"\nretry_hours = 0 # <-',
        "from 0.01 to 100,000",
    ),
    "share of an unknown tier": ("[trial]\ntier_shares = { budgt = 0.6 } # <-", 'did you mean "budget"?'),
    "share of a tier above one": ("[trial]\ntier_shares = { budget = 60 } # <-", "from 0 to 1"),
    "weight beyond measure": ("[reward]\nusd = 1e10 # <-", "from 0 to 1,000,000,000"),
    "weight of 400 digits": (f"[reward]\nusd = {'9' * 400} # <-", "not a number of over 60 digits"),
    "port of 400 digits": (f"[server]\nport = {'9' * 400} # <-", "not a number of over 60 digits"),
    "port of 5,000 digits": (f"[server]\nport = {'9' * 5_000} # <-", "too many digits; write a shorter one"),
    "port of 5,000 sixteens": (f"[server]\nport = 0x{'f' * 5_000} # <-", "not a number of over 60 digits"),
    "snapshots too far apart": ("[store]\nsnapshot_every = 10_000_000_000 # <-", "from 1 to 1,000,000,000"),
    "horizon beyond measure": ("[policy]\nhorizon = 10_000_000_000_000 # <-", "from 1 to 1,000,000,000,000"),
    "half-life of a moment": ("[policy.half_life_days]\nusd = 1e-4 # <-", "from 0.001 to 1,000,000"),
    "half-life for ever": ("[policy.half_life_days]\nusd = inf # <-", "from 0.001 to 1,000,000"),
    "feature scale beyond measure": (
        "[features.numeric]\ndifficulty = { scale = 1e-300 } # <-",
        "from 1e-09 to 1,000,000,000",
    ),
    "feature center beyond measure": (
        "[features.numeric]\ndifficulty = { center = -1e300 } # <-",
        "from -1,000,000,000 to 1,000,000,000",
    ),
    "price beyond measure": (
        '[[models]]\nid = "b"\nusd_per_million_output = 1\nusd_per_million_input = 1e7 # <-',
        "from 0 to 1,000,000",
    ),
    "window beyond measure": (
        '[[models]]\nid = "b"\ncontext_window = 10_000_000_000_000_000_000 # <-',
        "from 1 to 1,000,000,000",
    ),
    "token bound beyond measure": (
        '[[rules]]\nreason = "r"\nmodel = "small"\nmin_tokens = 10_000_000_000 # <-',
        "from 0 to 1,000,000,000",
    ),
    "comma in a model id": ('[[models]]\nid = "a,b" # <-', "letters, digits and . _ - / : @ +"),
    "brace in a model id": ('[[models]]\nid = "a}" # <-', "letters, digits and . _ - / : @ +"),
    "space in a model id": ('[[models]]\nid = "a b" # <-', "letters, digits and . _ - / : @ +"),
    "parameter that is not finite": (
        '[[classes]]\nname = "a"\nparams = { seed = nan } # <-',
        "must be a finite number",
    ),
    "parameter that no JSON holds": (
        f'[[classes]]\nname = "a"\nparams = {{ seed = {"9" * 30} }} # <-',
        "at most 9,007,199,254,740,992",
    ),
    "parameter nested too deep": (
        f'[[classes]]\nname = "a"\nparams.{".".join("a" * 50)} = 1 # <-',
        "more than 10 levels deep; write it flatter",
    ),
    "store elsewhere": ('[store]\nurl = "mysql://host/db" # <-', "write sqlite:///file.db or memory://"),
    "store without a file": ('[store]\nurl = "sqlite:///" # <-', "write sqlite:///file.db or memory://"),
    "store at a host": ('[store]\nurl = "sqlite://host/a.db" # <-', "write sqlite:///file.db or memory://"),
    "store with options": ('[store]\nurl = "sqlite:///a.db?mode=ro" # <-', "leave out what follows the ?"),
    "store in a folder's place": ('[store]\nurl = "sqlite:///." # <-', "name a file in it"),
    "store with a NUL": ('[store]\nurl = "sqlite:///a\\u0000b" # <-', "a character that no text has"),
    "store with a coded NUL": ('[store]\nurl = "sqlite:///a%00b" # <-', "holds the character NUL"),
    "rule pattern that counts too far": (
        "[[rules]]\nreason = 'r'\ntier = 'standard'\npattern = 'a{99999999999}' # <-",
        "the repetition number is too large",
    ),
    "class pattern that counts too far": (
        "[[classes]]\nname = 'a'\npatterns = ['ok', 'a{99999999999}'] # <-",
        "item 2 is not a valid regular expression",
    ),
    "class pattern nested too deep": (
        f"[[classes]]\nname = 'a'\npatterns = ['{'(' * 3_000}{')' * 3_000}'] # <-",
        "write a simpler pattern",
    ),
    "lists nested too deep": (f"a = {'[' * 5_000} # <-", "the brackets are nested too deep"),
    "tables nested too deep": (
        f"[server]\nport = {'{a = ' * 5_000} # <-",
        "the brackets are nested too deep",
    ),
    "not TOML": ("[server]\nhost = localhost # <-", 'text in "quotes"'),
    "key twice": ('[server]\nhost = "a"\nhost = "b" # <-', "keep one of the two"),
    "table twice": ('[server]\nhost = "a"\n[server] # <-', "keep one of the two"),
}
"""Name -> (what follows a good model, what the sentence must contain)."""
