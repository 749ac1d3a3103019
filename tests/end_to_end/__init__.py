"""The whole product, started as a user starts it: real processes, real broker, real browser."""
