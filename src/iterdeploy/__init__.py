"""Iterative deployment of language models: deploy, validate, curate, train, and deploy again.

Importing the package does nothing: no torch, no folder made, no environment read.
"""

__version__ = "0.1.0"
