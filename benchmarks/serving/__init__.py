"""`make bench`: our server and its peers, under the same load, with the same model."""
