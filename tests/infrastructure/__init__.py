"""Infrastructure files against the application and each other: what no linter of one file can see."""
