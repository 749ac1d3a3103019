"""What is learned and how: cleaning, encoding, estimators, decisions, splits and metrics, free of files and servers."""
