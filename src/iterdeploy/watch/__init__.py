"""A run under way, looked at from another process: what is read is new bytes, what is served is for this machine."""
