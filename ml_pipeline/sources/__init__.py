"""Where documents come from: a MongoDB collection, or the bundled snapshot; both give the same bytes."""
