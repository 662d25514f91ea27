"""Which model is the champion: promoted on a laptop, moved after a deploy, fetched from where production has it."""
