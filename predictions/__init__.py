"""Answers and remembers: serving snapshot, bundle store, prediction API and forms, and the durable prediction log."""
