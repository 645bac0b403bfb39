"""What every generation is asked and never trained on; `shipped.py` opens probes by name."""
