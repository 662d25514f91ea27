"""How often the pipeline's statistics err on clean tables of several shapes, and which faults they find."""
