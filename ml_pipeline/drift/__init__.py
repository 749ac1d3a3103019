"""Drift: whether what a model is asked, and what it answers, still looks like the rows that it was judged on."""
