"""Takes the pictures of the report's page that stand in the docs. Needs the tools of the tests, and a finished run:

    iterdeploy run demo && python docs/images/screenshots.py runs/demo-seed0

The run is read and not changed. The pictures differ with the fonts of the machine, so no test compares them.
"""

from __future__ import annotations

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "tests"))

from browser import Browser, started  # noqa: E402

from iterdeploy.cli.report import known_bound  # noqa: E402
from iterdeploy.report.page import render_page  # noqa: E402
from iterdeploy.store import Run  # noqa: E402

WIDE, TALL, PHONE = (1240, 860), (1240, 1080), (360, 740)


def main(folder: Path) -> None:
    """Leave report-*.png beside this file."""
    run = Run.open(folder)
    page = render_page(run, known_bound(run.recipe))
    with tempfile.TemporaryDirectory() as scratch, started() as browser:
        file = Path(scratch) / "report.html"
        file.write_text(page.html, encoding="utf-8")
        for name, content in page.files.items():
            (file.parent / name).parent.mkdir(exist_ok=True)
            (file.parent / name).write_bytes(content)
        take(run, file, browser)


def take(run: Run, file: Path, browser: Browser) -> None:
    """Each view in turn."""
    last = len(run.generations()) - 1
    found, lost = turning(run, last)
    traces = f"#traces?generation={last}&split=deployed"
    shot(browser, file, "report-top", "#report", TALL)
    shot(browser, file, "report-figures", "#lengths", WIDE)
    shot(browser, file, "report-dark", "#sizes", WIDE, dark=True)
    shot(browser, file, "report-plan", f"{traces}&verdict=valid&trace={found}", WIDE, steps=14)
    beside = f"{traces}&verdict=invalid&trace={lost}&beside={lost.replace(f'g{last}.', f'g{last - 1}.')}"
    shot(browser, file, "report-beside", beside, WIDE, steps=10)
    phones = [("#report", 0), ("#change", 0), (f"{traces}&verdict=valid&trace={found}", 12)]
    images = [opened(browser, file, hash, PHONE, steps=steps) for hash, steps in phones]
    sheet = Image.new("RGB", (len(images) * (PHONE[0] + 20) - 20, PHONE[1]), "#d9d8d4")
    for place, image in enumerate(images):
        sheet.paste(image, (place * (PHONE[0] + 20), 0))
    save(sheet, "report-phone")


def turning(run: Run, last: int) -> tuple[str, str]:
    """A long plan that the last generation found, and a failed one on a task that the generation before solved."""
    earlier = zip(run.traces(last - 1), run.verdicts(last - 1), strict=True)
    before = {trace.task_id: verdict.cost for trace, verdict in earlier if verdict.valid}
    now = list(zip(run.traces(last), run.verdicts(last), strict=True))
    found = max((v.cost, t.id) for t, v in now if v.valid and t.task_id not in before)
    lost = max((v.cost, t.id) for t, v in now if v.fault == "precondition" and before.get(t.task_id, 0) > 20)
    return found[1], lost[1]


def shot(
    browser: Browser,
    file: Path,
    name: str,
    hash: str,
    size: tuple[int, int],
    dark: bool = False,
    steps: int = 0,
) -> None:
    """One picture of one view."""
    save(opened(browser, file, hash, size, dark, steps), name)


def opened(
    browser: Browser, file: Path, hash: str, size: tuple[int, int], dark: bool = False, steps: int = 0
) -> Image.Image:
    """A view, with a plan played so many steps."""
    browser.resize(*size)
    browser.prefer(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    browser.open(file, hash)
    if "trace=" in hash:
        browser.one("article .picture")
        browser.press(*["right"] * steps)
    assert browser.complaints() == []
    return Image.open(BytesIO(browser.screenshot())).convert("RGB")


def save(image: Image.Image, name: str) -> None:
    """A PNG of few colours, which is small; rare ones, such as that of a fault, are kept."""
    few = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(HERE / f"{name}.png", optimize=True)
    print(f"{name}.png {(HERE / f'{name}.png').stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
