"""The reference networks, one a file. A new one is a file here and a line in `bench.zoo.kinds`."""
