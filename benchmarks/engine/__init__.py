"""What the engine promises (issue "the engine"), measured from outside: `make bench-engine`."""
