"""Idempotency-Key: a POST that is sent again gets the answer that it got, instead of doing its work again."""
