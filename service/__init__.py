"""The service: one model folder, answered over HTTP. Imports `contracts` and nothing else of ours.

Where to look: `front.py` is what every request meets first, `predict.py` what a prediction is, `app.py` the routes and
their documentation, `settings.py` everything that can be set.
"""
