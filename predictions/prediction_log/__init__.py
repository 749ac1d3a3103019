"""The prediction log: an answer is appended to a file of its process before it leaves, and shipped later."""
