"""Pages in browsers as ends of calls."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Playwright, Route

from benchmarks.end import EndOptions
from benchmarks.ends import HERE, Usage
from benchmarks.samples import Sample, sample_of
from benchmarks.watch import Watch

PAGE = "http://localhost/"
FOLDERS = (HERE / "chrome", HERE / "common")
CHROMIUM = Path("/usr/bin/chromium")
SETTLING_SECONDS = 10.0
QUIET_SECONDS, QUIET_SHARE = 0.2, 0.1
"""A browser that takes less than this share of a core for so long is idle."""
CHROME_FLAGS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)


class ChromeEnd:
    """A page of its own in a browser that may have been used before."""

    def __init__(self, browser: "Chrome", options: EndOptions) -> None:
        self._browser = browser
        self._texture = Path(options.texture).read_bytes()
        self._context = browser.browser.new_context(permissions=["microphone", "local-network-access"])
        self._context.route(f"{PAGE}**", self._serve)
        self._page = self._context.new_page()
        self._errors: list[str] = []
        self._page.on("pageerror", lambda error: self._errors.append(str(error)))
        self._page.set_default_timeout(30_000)
        self._page.goto(PAGE)
        browser.settle()
        self._page.evaluate("options => bench.join(options)", json.loads(options.to_json()))

    def wait_for_frame(self, timeout: float) -> None:
        """Return when the first decoded frame is there."""
        late = "new Promise((_, fail) => setTimeout(fail, milliseconds, new Error('no frame came')))"
        self._page.evaluate(f"milliseconds => Promise.race([bench.watch.firstFrame, {late}])", max(1.0, timeout * 1000))

    def report(self) -> Watch:
        """All that it saw so far."""
        if self._errors:
            raise RuntimeError(f"the page failed: {self._errors}")
        return Watch.from_json(self._page.evaluate("bench.report()"))

    def last(self) -> Watch:
        """The last that it saw."""
        return Watch.from_json(self._page.evaluate("bench.last()"))

    def samples(self) -> list[Sample]:
        """The frames that it kept so far."""
        kept = self._page.evaluate("bench.samples()")
        sightings = self.report().sightings  # those that came meanwhile are no harm
        return [sample_of(sightings[number], base64.b64decode(luma)) for number, luma in kept]

    def stats(self) -> dict[str, Any]:
        """What Chrome counts of the video: by the type of entry (W3C webrtc-stats), as far as there is one."""
        stats: dict[str, Any] = self._page.evaluate("bench.stats()")
        return stats

    def usage(self) -> Usage:
        """What the whole browser takes of the machine."""
        return self._browser.usage()

    def close(self) -> None:
        """Close the page; the browser stays."""
        self._context.close()

    def _serve(self, route: Route) -> None:
        name = route.request.url.removeprefix(PAGE) or "index.html"
        if name == "texture":
            route.fulfill(body=self._texture, content_type="application/octet-stream")
            return
        found = next((folder / name for folder in FOLDERS if (folder / name).is_file()), None)
        if found is None:
            route.fulfill(status=404)
        else:
            route.fulfill(path=found)


class Chrome:
    """A browser with its processes."""

    def __init__(self, playwright: Playwright, executable: Path = CHROMIUM) -> None:
        before = set(psutil.Process().children(recursive=True))
        self.browser: Browser = playwright.chromium.launch(executable_path=executable, args=CHROME_FLAGS)
        started = set(psutil.Process().children(recursive=True)) - before
        self._roots = [process for process in started if process.parent() not in started]

    def usage(self) -> Usage:
        """What all of its processes take of the machine."""
        return Usage.of(self._roots)

    def settle(self) -> None:
        """Return when it is idle: opening a window loads parts of its own interface, which takes most of a core."""
        end = time.monotonic() + SETTLING_SECONDS
        before = self.usage().processor_seconds
        while True:
            time.sleep(QUIET_SECONDS)
            used = self.usage().processor_seconds
            if used - before < QUIET_SHARE * QUIET_SECONDS:
                return
            if time.monotonic() > end:
                raise RuntimeError(f"the browser is still busy, {SETTLING_SECONDS:g} s after its window was opened")
            before = used

    def close(self) -> None:
        """End it."""
        self.browser.close()
