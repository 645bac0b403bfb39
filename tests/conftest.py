"""That this file is here puts its folder on the path, so that tests can import `rows` and `fake_run`."""
