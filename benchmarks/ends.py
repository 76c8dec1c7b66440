"""The systems under test, each behind the same few methods: programs of their own, and pages in browsers."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil
from playwright.sync_api import Browser, Playwright, Route

from benchmarks.end import EndOptions
from benchmarks.watch import Watch
from tests.network.processes import Process

HERE = Path(__file__).parent
REPOSITORY = HERE.parent
PAGE = "http://localhost/"
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


@dataclass(frozen=True)
class Usage:
    """What processes take of the machine."""

    processor_seconds: float
    """User and system time so far."""
    resident_bytes: int

    @classmethod
    def of(cls, roots: list[psutil.Process]) -> "Usage":
        """Of these processes and all below them."""
        seconds, resident = 0.0, 0
        for root in roots:
            for process in (root, *root.children(recursive=True)):
                times = process.cpu_times()
                seconds += times.user + times.system
                resident += process.memory_info().rss
        return cls(seconds, resident)


class End(Protocol):
    """One end of a call: in the room from the time that it is made."""

    def wait_for_frame(self, timeout: float) -> None:
        """Return when the first decoded frame is there."""

    def report(self) -> Watch:
        """All that it saw so far."""

    def last(self) -> Watch:
        """The last that it saw."""

    def usage(self) -> Usage:
        """What all of its processes take of the machine."""

    def close(self) -> None:
        """Out of the call, and gone."""


class ProgramEnd:
    """A program of its own, as `benchmarks.end` describes it."""

    def __init__(self, module: str, options: EndOptions) -> None:
        self._process = Process([sys.executable, "-m", module, options.to_json()], cwd=REPOSITORY)
        self._process.wait_for('"joined"', timeout=30)

    def wait_for_frame(self, timeout: float) -> None:
        """Return when the first decoded frame is there."""
        self._process.wait_for('"event": "frame"', timeout=timeout)

    def report(self) -> Watch:
        """All that it saw so far."""
        return self._ask("report")

    def last(self) -> Watch:
        """The last that it saw."""
        return self._ask("last")

    def _ask(self, request: str) -> Watch:
        start = len(self._process.stdout)
        self._process.send(request)
        line = self._process.wait_for('"event": "report"', start=start).string
        return Watch.from_json(json.loads(line))

    def usage(self) -> Usage:
        """What all of its processes take of the machine."""
        return Usage.of([psutil.Process(self._process.pid)])

    def close(self) -> None:
        """Out of the call, and gone."""
        self._process.kill()


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
        elif (HERE / "chrome" / name).is_file():
            route.fulfill(path=HERE / "chrome" / name)
        else:
            route.fulfill(status=404)


class Chrome:
    """A browser with its processes."""

    def __init__(self, playwright: Playwright) -> None:
        before = set(psutil.Process().children(recursive=True))
        self.browser: Browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROME_FLAGS)
        started = set(psutil.Process().children(recursive=True)) - before
        self._roots = [process for process in started if process.parent() not in started]

    def usage(self) -> Usage:
        """What all of its processes take of the machine."""
        return Usage.of(self._roots)

    def close(self) -> None:
        """End it."""
        self.browser.close()


def make_end(system: str, options: EndOptions, browser: Chrome | None) -> End:
    """An end of the system with this name."""
    if system == "chrome":
        if browser is None:
            raise ValueError("a page needs a browser")
        return ChromeEnd(browser, options)
    return ProgramEnd({"peer": "benchmarks.our_peer", "stock": "benchmarks.stock_peer"}[system], options)
