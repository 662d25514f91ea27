"""How far one host goes, and what bounds each part beyond it: a queueing model that is checked against this machine."""
