"""The six pipeline stages, each one command of `dvc.yaml`. They meet through files alone."""
