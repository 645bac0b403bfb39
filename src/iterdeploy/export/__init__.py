"""A run in the forms that others read: metrics, traces, training sets, adapters, figures."""
