"""The page in a tab of a real browser, driven as a person would."""

import asyncio
import json
import urllib.parse
from base64 import b64decode
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, WebSocket

TIMEOUT_MS = 30_000
"""How long anything in a browser may take on a busy machine."""

NEXT_FRAMES = """
([id, count]) => new Promise((resolve) => {
  const video = document.getElementById(id);
  const next = () => (count-- ? video.requestVideoFrameCallback(next) : resolve());
  next();
})
"""

PIXELS = """
(id) => new Promise((resolve) => {
  const video = document.getElementById(id);
  video.requestVideoFrameCallback(() => {
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
    const luma = new Uint8Array(width * height);
    for (let i = 0; i < luma.length; i++)
      luma[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
    let text = "";
    for (let i = 0; i < luma.length; i += 0x8000) text += String.fromCharCode(...luma.subarray(i, i + 0x8000));
    resolve({ width, height, luma: btoa(text) });
  });
})
"""

LOUDEST_FREQUENCY = """
async (id) => {
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  analyser.smoothingTimeConstant = 0;
  const stream = new MediaStream(document.getElementById(id).srcObject.getAudioTracks());
  context.createMediaStreamSource(stream).connect(analyser);
  const levels = new Float32Array(analyser.frequencyBinCount);
  try {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      analyser.getFloatFrequencyData(levels);
      const loudest = levels.indexOf(Math.max(...levels));
      if (loudest > 0 && levels[loudest] > -60) return loudest * context.sampleRate / analyser.fftSize;
    }
  } finally {
    await context.close();
  }
}
"""


class CallPage:
    """One tab with the page in it. Make it with the fixture `call_page`.

    `tab` is Playwright's Page, for whatever has no method here.
    """

    def __init__(self, tab: Page) -> None:
        self.tab = tab
        self.problems: list[str] = []
        """Uncaught exceptions and violations of the Content-Security-Policy; the fixture fails a test for them."""
        self.sent: list[dict[str, Any]] = []
        """The messages that the page sent to a relay, oldest first."""
        self.received: list[dict[str, Any]] = []
        """The messages that the page got from a relay, oldest first."""
        self._news = asyncio.Event()
        tab.set_default_timeout(TIMEOUT_MS)
        tab.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        tab.on("console", self._on_console)
        tab.on("websocket", self._on_websocket)

    @classmethod
    async def in_context(cls, context: BrowserContext) -> "CallPage":
        """Open an empty tab."""
        return cls(await context.new_page())

    async def open(self, url: str, *, start: bool = False, **parameters: str) -> "CallPage":
        """Load the page with these address parameters."""
        query = urllib.parse.urlencode(parameters)
        address = "?" + "&".join(filter(None, [query, "start" if start else ""]))
        await self.tab.goto(url + (address if len(address) > 1 else ""))
        # The choice of signaling is the last thing that the page settles before it takes orders.
        await self.tab.locator("#signaling input:checked").wait_for(state="attached")
        return self

    def _on_console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.problems.append(message.text)

    def _on_websocket(self, websocket: WebSocket) -> None:
        websocket.on("framesent", lambda frame: self._note(self.sent, frame))
        websocket.on("framereceived", lambda frame: self._note(self.received, frame))

    def _note(self, messages: list[dict[str, Any]], frame: str | bytes) -> None:
        try:
            message = json.loads(frame)
        except ValueError:
            return  # junk that a test's relay sent on purpose
        if isinstance(message, dict):
            messages.append(message)
            self._news.set()

    # What a person does

    def element(self, element_id: str) -> Locator:
        """The element with this id."""
        return self.tab.locator(f"#{element_id}")

    async def choose(self, role: str) -> None:
        """Pick a role, which joins the room."""
        await self.tab.locator("#roles label", has=self.element(f"role-{role}")).click()

    async def press(self, button_id: str) -> None:
        """Click a button as soon as it is enabled: "start", "stop", "reset"..."""
        await self.element(button_id).click()

    # What a person sees

    async def until(self, **data: str) -> None:
        """Wait until the page's root carries this data, such as connection="connected" or phase="waiting"."""
        selector = ":root" + "".join(f"[data-{name}='{value}']" for name, value in data.items())
        await self.tab.locator(selector).wait_for(state="attached")

    async def connected(self) -> None:
        """Wait until there is a connection, and the other side's picture moves."""
        await self.until(connection="connected")
        await self.frames(3)

    async def frames(self, count: int, video: str = "remote") -> None:
        """Wait for so many new frames of a picture."""
        await self.tab.evaluate(NEXT_FRAMES, [video, count])

    async def luma(self, video: str = "remote") -> NDArray[np.uint8]:
        """The next frame's luma, full range, as an array of shape (height, width)."""
        pixels = await self.tab.evaluate(PIXELS, video)
        flat = np.frombuffer(b64decode(pixels["luma"]), np.uint8)
        return flat.reshape(pixels["height"], pixels["width"])

    async def tone(self, video: str = "remote") -> float:
        """The loudest frequency of the sound in Hz, to some 6 Hz; waits until there is any sound."""
        frequency: float = await self.tab.evaluate(LOUDEST_FREQUENCY, video)
        return frequency

    async def notice(self, kind: str) -> str:
        """The text of a notice, once it is there: "media", "relay", "signaling", "negotiation"..."""
        return await self.tab.locator(f".notice[data-kind='{kind}'] p").inner_text()

    async def status(self) -> str:
        """The line that says how things stand."""
        return await self.element("status").inner_text()

    async def until_received(self, kind: str, count: int = 1) -> None:
        """Wait until the relay has sent the page so many messages of one type, since it was opened."""
        async with asyncio.timeout(TIMEOUT_MS / 1000):
            while [message.get("type") for message in self.received].count(kind) < count:
                self._news.clear()
                await self._news.wait()

    def sent_of(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one type that the page sent to a relay."""
        return [message for message in self.sent if message.get("type") == kind]
