"""The real product under load while something breaks: at full size by `make drill`, at a small one in the tests."""
