"""The benchmarks measure what they say: the same picture everywhere, known differences, and a real call."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import async_playwright

from benchmarks import barcode, footage
from benchmarks.browser import CHROMIUM
from benchmarks.picture import MovingPicture, Texture
from benchmarks.samples import Sample, compare
from benchmarks.watch import Sighting, Watch
from peer.media.base.pictures import planes

ROOT = Path(__file__).parent.parent
WIDTH, HEIGHT = 320, 240
COUNTER, CLOCK = 1_234_567, 1_700_000_000_123


@pytest.fixture(scope="module")
def texture() -> Texture:
    return Texture.make(WIDTH, HEIGHT)


@pytest.mark.parametrize("film", [False, True])
async def test_a_page_draws_and_reads_the_same_picture(film: bool, texture: Texture, tmp_path: Path) -> None:
    if film:
        footage.write(tmp_path / "texture", WIDTH, HEIGHT, count=3)
    else:
        texture.write(tmp_path / "texture")
    stills = Texture.read(tmp_path / "texture", WIDTH, HEIGHT)
    assert len(stills) == (3 if film else 1)
    made = planes(MovingPicture(stills, WIDTH, HEIGHT).draw(COUNTER, CLOCK))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        for name in ("barcode", "picture"):
            await page.add_script_tag(path=ROOT / "benchmarks" / "common" / f"{name}.js")
        drawn, code = await page.evaluate(
            """([texture, width, height, counter, clock]) => {
                const picture = new bench.MovingPicture(new Uint8Array(texture).buffer, width, height);
                picture.draw(counter + 1000, clock);  // what is kept of an earlier frame must not show in a later one
                const data = picture.draw(counter, clock);
                return [[...data], bench.readCode(data, width, width, height)];
            }""",
            [[*(tmp_path / "texture").read_bytes()], WIDTH, HEIGHT, COUNTER, CLOCK],
        )
        await browser.close()
    assert bytes(drawn) == b"".join(plane.tobytes() for plane in made)
    reading = barcode.read(made[0])
    assert reading is not None
    assert code == [reading.counter, reading.clock_ms] == [COUNTER, CLOCK % 2**24]


def test_known_differences_are_measured(texture: Texture) -> None:
    picture = MovingPicture([texture], WIDTH, HEIGHT)
    sent = planes(picture.draw(COUNTER, CLOCK))[0]
    sighting = Sighting(0.0, COUNTER, CLOCK % 2**24, WIDTH, HEIGHT)
    disturbed = np.clip(sent.astype(int) + np.random.default_rng(1).choice([-5, 5], sent.shape), 0, 255)
    unreadable = Sighting(0.0, None, None, WIDTH, HEIGHT)
    same, noisy = compare(
        [Sample(sighting, sent), Sample(sighting, disturbed.astype(np.uint8)), Sample(unreadable, sent)], picture
    )
    assert same.psnr == 100
    assert same.ssim == pytest.approx(1)
    assert noisy.psnr == pytest.approx(20 * np.log10(255 / 5), abs=0.01)
    assert 0.5 < noisy.ssim < 0.99


def test_a_frame_of_another_moment_is_told_from_the_one_that_was_sent(texture: Texture) -> None:
    picture = MovingPicture([texture], WIDTH, HEIGHT)
    later = planes(picture.draw(COUNTER + 1, CLOCK))[0]
    (found,) = compare([Sample(Sighting(0.0, COUNTER, CLOCK % 2**24, WIDTH, HEIGHT), later)], picture)
    assert found.psnr < 35


def test_delays_and_freezes_are_counted() -> None:
    arrivals = [1000.0, 1033.0, 1066.0, 1400.0, 1433.0]
    watch = Watch(990.0, [Sighting(at, 0, int(at) - 20, WIDTH, HEIGHT) for at in arrivals])
    assert watch.delays == [20.0] * 5
    assert watch.freezes(30) == [334.0]
    assert watch.first_frame_after == 10.0


def test_a_short_round_gives_its_tables(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    options = ["--only=calls", "--systems=peer", "--quick", "--settle=1", "--seconds=1", "--no-gate"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *options, f"--results={results}"],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = {line.split("|")[1].strip(): line for line in results.read_text().splitlines() if line.startswith("| ")}
    for way in ("peer to chrome", "chrome to peer"):
        assert way in rows
        assert "failed" not in rows[way]
    assert "| NO |" in results.read_text().replace("  ", " ")  # without its references no target counts as met


@pytest.mark.parametrize("option", ["--only=nothing", "--systems=chrome,nobody"])
def test_wrong_names_are_told(option: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", option], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("there is no ")
    assert len(done.stderr.splitlines()) == 1
