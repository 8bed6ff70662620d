"""`simulate`: every policy on the same requests, over several seeds, as a table and a plot."""
