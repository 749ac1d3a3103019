"""`make run`: from an empty folder to a serving product, on one machine and without an account."""
