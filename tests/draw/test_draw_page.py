"""The pictures of docs/pictures.md are what docs/images/draw.py draws today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import iterdeploy

IMAGES = Path(iterdeploy.__file__).parent.parent.parent / "docs" / "images"


def test_the_pictures_of_the_page_are_of_today(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(IMAGES / "draw.py"), str(tmp_path)], check=True)
    drawn = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert drawn == {path.name: path.read_text() for path in IMAGES.glob("plan-*.svg")}
    page = (IMAGES.parent / "pictures.md").read_text()
    assert all(f"images/{name}" in page for name in drawn)
