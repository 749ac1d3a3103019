"""Lengths that several tables share."""

HASH_LENGTH = 64
MODEL_LENGTH = 63
ACTOR_LENGTH = 200
