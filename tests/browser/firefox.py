"""Debian's Firefox, headless, driven by its own remote protocol (Marionette): no driver program in between.

    with Firefox(tmp_path) as firefox:
        firefox.open("http://localhost:8080/")
        firefox.wait_for("return document.title === 'Call'")
        firefox.kill()                                   # as a crash would

It asks nobody's leave for its camera and microphone, which are made up, and speaks to no one but the pages' own
servers. It runs in a network namespace if it is given one: which needs a default route, because Firefox has no
other way of finding out its address.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import pytest

from tests.network.errors import HarnessError
from tests.network.namespaces import Namespace

if TYPE_CHECKING:
    from marionette_driver.marionette import Marionette

_NOWHERE = "http://127.0.0.1:9/"

PREFERENCES: dict[str, bool | int | str] = {
    # A port for Marionette that the system chooses, written to a file in the profile.
    "marionette.port": 0,
    "remote.active-protocols": 0,
    # A made-up camera and microphone, given without asking, also to pages that are not on localhost.
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "media.devices.insecure.enabled": True,
    "media.getusermedia.insecure.enabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    # Firefox shows its addresses only to a page with a real camera's permission; this is as if there were one.
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    # Nothing that Firefox does of its own accord: updates, studies, telemetry, lists, probes, suggestions, plugins.
    "app.normandy.enabled": False,
    "app.shield.optoutstudies.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutHomeSnippets.updateUrl": "",
    "browser.contentblocking.report.lockwise.enabled": False,
    "browser.discovery.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.newtabpage.activity-stream.feeds.topsites": False,
    "browser.ping-centre.telemetry": False,
    "browser.region.network.url": "",
    "browser.region.update.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.blockedURIs.enabled": False,
    "browser.safebrowsing.provider.google4.updateURL": "",
    "browser.safebrowsing.provider.mozilla.updateURL": "",
    "browser.search.update": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "browser.topsites.contile.enabled": False,
    "browser.tabs.remote.autostart": True,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.usage.uploadEnabled": False,
    "dom.push.connection.enabled": False,
    "dom.push.enabled": False,
    "extensions.blocklist.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "geo.provider.network.url": "",
    "media.gmp-manager.updateEnabled": False,
    "media.gmp-manager.url": _NOWHERE,
    "media.gmp-gmpopenh264.autoupdate": False,
    "media.gmp-gmpopenh264.enabled": False,
    "media.gmp-widevinecdm.enabled": False,
    "messaging-system.rsexperimentloader.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "network.predictor.enabled": False,
    "network.trr.mode": 5,
    "nimbus.rollouts.enabled": False,
    "security.OCSP.enabled": 0,
    "security.remote_settings.crlite_filters.enabled": False,
    "security.remote_settings.intermediates.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "services.settings.poll_interval": 31536000,
    "signon.management.page.breach-alerts.enabled": False,
    "termsofuse.bypassNotification": True,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.unified": False,
    "toolkit.telemetry.server": "",
}
"""Preferences of every profile made here (about:config)."""

HIDDEN_ADDRESSES = {
    "media.peerconnection.ice.obfuscate_host_addresses": True,
    "media.navigator.permission.disabled": False,
    "permissions.default.camera": 2,
    "permissions.default.microphone": 2,
}
"""More of them, for a page that is refused the camera and whose addresses are hidden behind mDNS names."""

ENVIRONMENT = {
    "MOZ_CRASHREPORTER_DISABLE": "1",
    "MOZ_REMOTE_SETTINGS_DEVTOOLS": "1",  # without it the preference services.settings.server is not obeyed
}


class Firefox:
    """A browser with a fresh profile and one tab, for as long as the `with` block runs. Times are in seconds."""

    def __init__(
        self,
        folder: Path,
        *,
        namespace: Namespace | None = None,
        preferences: Mapping[str, bool | int | str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`folder` takes the profile and what Firefox writes (firefox.log)."""
        self.profile = folder / "profile"
        self.log = folder / "firefox.log"
        self._namespace = namespace
        self._preferences = {**PREFERENCES, **(preferences or {})}
        self._environment = {**os.environ, "HOME": str(folder), **ENVIRONMENT, **(environment or {})}
        self._client: Marionette | None = None

    def __enter__(self) -> Self:
        if shutil.which("firefox-esr") is None:
            raise HarnessError("The program firefox-esr is missing: run `sh tests/install-programs.sh`.")
        self.profile.mkdir(parents=True)
        lines = (f"user_pref({_js(name)}, {_js(value)});\n" for name, value in self._preferences.items())
        (self.profile / "user.js").write_text("".join(lines))
        command = ["firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", str(self.profile)]
        if self._namespace is not None:
            command = self._namespace.command(*command)
        self._output: IO[bytes] = self.log.open("wb")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )
        try:
            self._connect(self._wait_for_port())
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def open(self, url: str, *, timeout: float = 15.0) -> None:
        """Show a page, and wait until it is loaded."""
        self._driver.timeout.page_load = timeout
        self._driver.navigate(url)

    def reload(self) -> None:
        """Load the page again, as by F5."""
        self._driver.refresh()

    def run(self, script: str, *args: Any) -> Any:
        """Run the body of a JavaScript function in the page (`arguments`, `return`); its JSON value.

        The page's own globals are in reach. Where it returns a promise, what that comes to.
        """
        return self._driver.execute_script(script, list(args), sandbox=None, new_sandbox=False)

    def wait_for(self, script: str, *args: Any, timeout: float = 15.0) -> Any:
        """`run` again and again until the value is true in JavaScript's sense; that value."""
        deadline = time.monotonic() + timeout
        while not (value := self.run(script, *args)):
            if time.monotonic() > deadline:
                raise HarnessError(f"not true in {timeout:g} s: {script!r}; at {self._driver.get_url()}.")
            time.sleep(0.02)
        return value

    def pictures_shown(self, element_id: str) -> int:
        """How many pictures a <video> has shown: the one count that a headless Firefox keeps."""
        return self.run("return document.getElementById(arguments[0]).mozPaintedFrames", element_id)

    def new_tab(self, url: str) -> None:
        """Open another tab with this page, and be in it from now on."""
        tab = self._driver.open(type="tab", focus=True)
        self._driver.switch_to_window(tab["handle"])
        self.open(url)

    def follow(self, *, timeout: float = 15.0) -> None:
        """Be in the one other tab that there is, as soon as a page has opened it."""
        here = self._driver.current_window_handle
        deadline = time.monotonic() + timeout
        while not (others := set(self._driver.window_handles) - {here}):
            if time.monotonic() > deadline:
                raise HarnessError(f"no other tab in {timeout:g} s.")
            time.sleep(0.02)
        self._driver.switch_to_window(others.pop())

    def close_tab(self) -> None:
        """Close the tab, as its user would, and be in another that is left, if any."""
        left = self._driver.close()
        if left:
            self._driver.switch_to_window(left[0])

    def kill(self) -> None:
        """End all of the browser's processes at once, as a crash would (SIGKILL)."""
        with contextlib.suppress(ProcessLookupError):  # they have ended already
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()
        if self._client is not None:
            self._client.client.close()
            self._client.session = None  # else its destructor would ask the browser to end the session
            self._client = None

    @property
    def _driver(self) -> "Marionette":
        if self._client is None:
            raise HarnessError("This Firefox was killed, or not started.")
        return self._client

    def _wait_for_port(self, timeout: float = 30.0) -> int:
        chosen = self.profile / "MarionetteActivePort"
        deadline = time.monotonic() + timeout
        while not (chosen.exists() and (port := chosen.read_text())):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise HarnessError(f"firefox-esr did not come up: {self.log.read_text()[-3000:]}")
            time.sleep(0.02)
        return int(port)

    def _connect(self, port: int) -> None:
        with warnings.catch_warnings():
            # Importing it runs `distro.linux_distribution()`, which is deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            from marionette_driver.marionette import Marionette
        self._client = Marionette(host="127.0.0.1", port=port, socket_timeout=60)
        with self._namespace.entered() if self._namespace else contextlib.nullcontext():
            self._client.start_session({"acceptInsecureCerts": True})  # of servers that tests made
        self._client.timeout.script = 30


def _js(value: bool | int | str) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)


@pytest.fixture(name="firefox")
def firefox_fixture(tmp_path: Path) -> Iterator[Firefox]:
    """A Firefox on the machine itself; import it where it is used: `from tests.browser.firefox import ...`."""
    with Firefox(tmp_path / "firefox") as firefox:
        yield firefox
