"""A picture that a command was asked to write."""

from __future__ import annotations

from pathlib import Path

from iterdeploy.errors import BadInput


def write_picture(path: Path, svg: str) -> None:
    """Write an SVG file. Raises BadInput if the file cannot be written."""
    try:
        path.write_text(svg, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write the picture {path}: {error.strerror or error}") from error
