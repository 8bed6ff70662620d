"""Experiments that are wrong in one way each, as in `bad_configurations`."""

from __future__ import annotations

_VARIANTS = (
    'variants = [{ name = "control", policy = "fixed:small", share = 0.5 }, '
    '{ name = "learned", policy = "thompson", share = 0.5 }]'
)

BAD_EXPERIMENTS = {
    "experiment without variants": ('[[experiments]] # <-\nname = "x"', "add variants = [{name = …"),
    "experiment without a name": (f"[[experiments]] # <-\n{_VARIANTS}", 'has no name; add name = "…"'),
    "experiment by two words": (
        f'[[experiments]]\nname = "a b" # <-\n{_VARIANTS}',
        "one word of letters, digits and . _ -",
    ),
    "experiment salted as the line": (
        f'[[experiments]]\nname = "x"\nsalt = "experiments" # <-\n{_VARIANTS}',
        "choose another",
    ),
    "experiment by an unknown key": (
        f'[[experiments]]\nname = "x"\nunit = [0, 1] # <-\n{_VARIANTS}',
        'did you mean "units"?',
    ),
    "variant alone": (
        '[[experiments]]\nname = "x"\nvariants = [{ name = "a", policy = "cheapest", share = 1 }] # <-',
        "add what it is compared with",
    ),
    "variants as a table": (
        '[[experiments]]\nname = "x"\nvariants = { a = "cheapest" } # <-',
        "a list of tables, as in [{name = …, policy = …, share = …}, …], not a table",
    ),
    "variants that do not sum to one": (
        '[[experiments]]\nname = "x"\nvariants = [ # <-\n{ name = "a", policy = "cheapest", share = 0.5 },\n'
        '{ name = "b", policy = "thompson", share = 0.4 }]',
        "sum to 0.9; they must sum to 1",
    ),
    "variant without a share": (
        '[[experiments]]\nname = "x"\n[[experiments.variants]] # <-\nname = "a"\npolicy = "cheapest"',
        "item 1 has no share; add share = ….",
    ),
    "variant by an unknown key": (
        '[[experiments]]\nname = "x"\n[[experiments.variants]]\nname = "a"\n'
        'polcy = "cheapest" # <-\nshare = 1',
        'did you mean "policy"?',
    ),
    "variant that is a split": (
        '[[experiments]]\nname = "x"\n[[experiments.variants]]\nname = "a"\nshare = 1\n'
        'policy = "split:{a: cheapest 1}" # <-',
        "write all its variants here",
    ),
    "variant twice": (
        '[[experiments]]\nname = "x"\n[[experiments.variants]]\nname = "a"\nshare = 0.5\n'
        'policy = "cheapest"\n'
        '[[experiments.variants]]\nname = "a" # <-\nshare = 0.5\npolicy = "thompson"',
        'has two variants "a"; rename one',
    ),
    "control that is no variant": (
        f'[[experiments]]\nname = "x"\ncontrol = "contrl" # <-\n{_VARIANTS}',
        'did you mean "control"?',
    ),
    "metric": (
        f'[[experiments]]\nname = "x"\nmetric = "qualty" # <-\n{_VARIANTS}',
        'did you mean "quality"?',
    ),
    "metric without a margin": (
        f'[[experiments]]\nname = "x"\nmetric = "usd" # <-\n{_VARIANTS}',
        "there is no usual margin; say how much worse a treatment may be and still count as not worse, as "
        "in margin = 0.0005 (USD a request)",
    ),
    "margin of more than all quality": (
        f'[[experiments]]\nname = "x"\nmargin = 2 # <-\n{_VARIANTS}',
        "quality is between 0 and 1, so nothing could be worse by more; 0.01 is one point",
    ),
    "units the wrong way round": (
        f'[[experiments]]\nname = "x"\nunits = [0.5, 0.1] # <-\n{_VARIANTS}',
        "as in [0.0, 0.5], not [0.5, 0.1]",
    ),
    "everybody held out": (f'[[experiments]]\nname = "x"\nholdout = 1 # <-\n{_VARIANTS}', "from 0 to 0.9"),
    "class of an experiment": (
        f'[[experiments]]\nname = "x"\nclasses = ["cod"] # <-\n{_VARIANTS}',
        'names "cod", which is not declared',
    ),
    "time without an offset": (
        f'[[experiments]]\nname = "x"\nstart = 2026-12-01T08:30:00 # <-\n{_VARIANTS}',
        "as in 2026-12-01T08:30:00Z",
    ),
    "time in quotes": (
        f'[[experiments]]\nname = "x"\nstart = "2026-12-01T00:00:00Z" # <-\n{_VARIANTS}',
        "without quotes",
    ),
    "day instead of a time": (
        f'[[experiments]]\nname = "x"\nstart = 2026-12-03 # <-\n{_VARIANTS}',
        "as in 2026-12-03T00:00:00Z",
    ),
    "stop before the start": (
        '[[experiments]]\nname = "x"\nstart = 2026-12-02T00:00:00Z\nstop = 2026-12-01T00:00:00Z # <-\n'
        f"{_VARIANTS}",
        "is not after start",
    ),
    "stop before the ramp": (
        '[[experiments]]\nname = "x"\nramp = [{ at = 2026-12-02T00:00:00Z, share = 1 }]\n'
        f"stop = 2026-12-01T00:00:00Z # <-\n{_VARIANTS}",
        "is not after the first step of its ramp",
    ),
    "ramp that falls": (
        '[[experiments]]\nname = "x"\nramp = [ # <-\n{ at = 2026-12-01T00:00:00Z, share = 0.5 },\n'
        f"{{ at = 2026-12-02T00:00:00Z, share = 0.1 }}]\n{_VARIANTS}",
        "a ramp only rises",
    ),
    "ramp out of order": (
        '[[experiments]]\nname = "x"\nramp = [ # <-\n{ at = 2026-12-02T00:00:00Z, share = 0.1 },\n'
        f"{{ at = 2026-12-01T00:00:00Z, share = 0.5 }}]\n{_VARIANTS}",
        "sort them by at",
    ),
    "experiment twice": (
        f'[[experiments]]\nname = "x"\n{_VARIANTS}\n[[experiments]]\nname = "x" # <-\n{_VARIANTS}',
        "given twice in [[experiments]]",
    ),
    "experiments that share units": (
        f'[[experiments]]\nname = "x"\nunits = [0.0, 0.6]\n{_VARIANTS}\n'
        f'[[experiments]]\nname = "y"\nunits = [0.5, 1.0] # <-\n{_VARIANTS}',
        '"y" could take units that "x" has at the same time (units [0.5, 1] and [0, 0.6])',
    ),
}
