"""Starting `dvc` for a model, in a workspace of its own, so that nothing is left behind."""
