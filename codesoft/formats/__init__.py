"""How moments are written. Django takes formats from the language first and from a module like this before it."""
