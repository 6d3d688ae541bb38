"""Measure the live network of report pages in Chromium, and take the README's picture of one.

    python -m benchmarks.page reports/index.html path/to/another/index.html

Writes benchmarks/results/page.csv: for each page its size, and what a keystroke takes in a text of 200 words that the
network knows, from the key to the new answer and layout. The picture, docs/img/report.png, shows the first page. Needs
requirements-browser.txt and Chromium.
"""

import argparse
import json
import random
import re
import shutil
import statistics
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.corpora import RESULTS, ROOT
from sentiment.errors import InputError
from sentiment.io.atomic import atomic_write
from sentiment.io.command import run
from sentiment.io.csv_file import write_csv

PICTURE = ROOT / "docs/img/report.png"
TEXT = "I expected a masterpiece, but the plot was not very good."
WORDS, KEYSTROKES = 200, 50
# Every fifth keystroke begins a word.
MEASURE = """(keystrokes) => {
    const box = document.getElementById("text");
    return Array.from({ length: keystrokes }, (_, number) => {
        box.value += number % 5 ? "x" : " t";
        const start = performance.now();
        box.dispatchEvent(new Event("input"));
        document.body.offsetHeight; // lays the page out
        return performance.now() - start;
    });
}"""


def measure(page: Any, path: Path) -> dict[str, Any]:
    """Return a row of the table about a page. Raises InputError if it has no network."""
    source = path.read_text(encoding="utf-8")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', source, re.DOTALL)
    if not data:
        raise InputError(f"{path}: no page with a network; run `sentiment report`")
    words = json.loads(data[1])["network"]["vocabulary"]
    page.goto(path.resolve().as_uri())
    page.fill("#text", " ".join(random.Random(1).choices(words, k=WORDS)))
    page.wait_for_timeout(2000)
    times = page.evaluate(MEASURE, KEYSTROKES)
    return {
        "page": page.locator("h1").inner_text(),
        "megabytes": round(path.stat().st_size / 1e6, 2),
        "median_ms": round(statistics.median(times), 1),
        "slowest_ms": round(max(times), 1),
    }


def take_picture(page: Any) -> None:
    """Write the picture of the live network, down to its states."""
    page.fill("#text", TEXT)
    page.evaluate("""() => {
        document.activeElement.blur();
        for (const element of document.querySelectorAll("#try .examples, #try figure ~ *")) element.remove();
    }""")
    page.wait_for_timeout(500)
    with atomic_write(PICTURE) as partial:
        page.locator("#try").screenshot(path=partial)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    pages = parser.parse_args().pages

    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 900})
        rows = [measure(page, path) for path in pages]
        page.goto(pages[0].resolve().as_uri())
        take_picture(page)
        browser.close()
    write_csv(RESULTS / "page.csv", pd.DataFrame(rows))


if __name__ == "__main__":
    run(main, takes_arguments=True)
