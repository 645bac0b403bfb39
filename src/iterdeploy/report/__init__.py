"""Numbers of a run to a file, a table, a picture and a screen."""
