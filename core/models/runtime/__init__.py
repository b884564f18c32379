"""How a tower's graph is run: which runtimes and devices there are, which is fastest here, what was measured."""
