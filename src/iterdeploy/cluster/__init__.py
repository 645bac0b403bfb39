"""Sampling, validation and training on many machines, on Ray; imported only where a cluster is asked for."""
