"""The steps of a run: each leaves one file, reads only files, and does nothing where its file is there."""
