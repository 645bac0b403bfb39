"""Audit: answers that any validator must reject, answers that it must accept, and how far to trust it."""
