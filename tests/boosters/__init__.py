"""LightGBM, XGBoost and CatBoost for real: `make booster-test` installs them beside everything else."""
