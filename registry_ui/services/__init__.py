"""Every write of the registry: one recipe each, guard, write and audit in one transaction."""
