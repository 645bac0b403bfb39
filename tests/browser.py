"""A real browser for tests of pages: Chromium without a window, driven over its own protocol."""

from __future__ import annotations

import base64
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

PATIENCE = 20.0  # seconds; a busy machine is no failure
KEYS = {
    "left": Keys.ARROW_LEFT,
    "right": Keys.ARROW_RIGHT,
    "up": Keys.ARROW_UP,
    "down": Keys.ARROW_DOWN,
    "space": " ",
    "escape": Keys.ESCAPE,
    "tab": Keys.TAB,
    "enter": Keys.ENTER,
}


class Browser:
    """A page in a browser, and what a reader does with it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, page: Path, hash: str = "") -> None:
        """Open a page from the disk, and wait until it is there."""
        self.driver.get("about:blank")
        self.driver.get(f"{page.as_uri()}{hash}")
        self.until(lambda: self.run("return document.documentElement.dataset.ready === 'true'"))

    def go(self, hash: str) -> None:
        """Another address of the page."""
        self.run("location.hash = arguments[0]", hash)

    def run(self, program: str, *arguments: object) -> Any:
        """What a piece of JavaScript returns."""
        return self.driver.execute_script(program, *arguments)

    def until(self, holds: Callable[[], object]) -> Any:
        """Wait until something is so; returns it."""
        end = time.monotonic() + PATIENCE
        while not (found := holds()):
            assert time.monotonic() < end, f"it never came to be; the page shows:\n{self.text('body')[:2000]}"
            time.sleep(0.02)
        return found

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """An element, once it is there."""
        found: WebElement = self.until(lambda: self.all(selector))[0]
        return found

    def click(self, selector: str) -> None:
        """Click an element that is there, or will be; one that the page has just made anew is looked up again."""

        def clicked() -> bool:
            try:
                self.one(selector).click()
            except StaleElementReferenceException:
                return False
            return True

        self.until(clicked)

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector))

    def press(self, *keys: str) -> None:
        """Keys one after the other, by name or as themselves."""
        for key in keys:
            ActionChains(self.driver).send_keys(KEYS.get(key, key)).perform()

    def resize(self, width: int, height: int) -> None:
        """The window of a device of this size; under 500 it is a phone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, **features: str) -> None:
        """What the reader's system prefers, e.g. color_scheme="dark"."""
        wanted = [{"name": f"prefers-{k.replace('_', '-')}", "value": v} for k, v in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})

    def screenshot(self) -> bytes:
        """What is in the window, as PNG."""
        found = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        return base64.b64decode(found["data"])

    def complaints(self) -> list[str]:
        """What the console said since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]


def missing() -> str:
    """What is lacking for a browser; empty if nothing is."""
    names = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return (
        f"{' and '.join(names)} not found; Debian has both: apt install chromium chromium-driver"
        if names
        else ""
    )


def require() -> None:
    """Skip where there is no browser; in CI, where ITERDEPLOY_BROWSER is set, fail."""
    if lack := missing():
        if os.environ.get("ITERDEPLOY_BROWSER"):
            pytest.fail(lack)
        pytest.skip(lack)


@contextmanager
def started() -> Iterator[Browser]:
    """A fresh browser; it is ended afterwards."""
    options = Options()
    options.binary_location = str(shutil.which("chromium"))
    for switch in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
