"""The product with one more view, which returns a constant: what Django, DRF and our middlewares cost by themselves."""
