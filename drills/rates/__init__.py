"""How often each gate errs, measured: false alarms where nothing is wrong, and faults that are found."""
