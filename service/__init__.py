"""The service: one model folder, answered over HTTP. Imports `contracts` and `scoring`, and nothing else of ours.

A request passes `http/` (connection, load shedding, keys, body), `formats/` (bytes to rows and back), `prediction/`
(encode, score, answer) and `log/` (one write, before the answer). `POST /predict` is answered by
`prediction/predictor.py`. `api/` has every other route and the OpenAPI document; `serve.py` puts the parts together,
`settings.py` says what can be set.

Taught in docs/learn/en/02-api.md.
"""
