"""The verbs of the command line, one module each; `banditroute.cli` loads the one that is asked for."""
