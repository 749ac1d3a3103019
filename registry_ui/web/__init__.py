"""Pages for every signed-in user, outside the admin."""
