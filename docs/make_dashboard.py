"""Make docs/dashboard.png: the dashboard of a monitor that reads the embedded sample's invented headlines.

    python docs/make_dashboard.py FOLDER

FOLDER is a data root: a model of the sample is trained in it, and 400 days of headlines, drawn at random from the sample with
more bad news in three of the weeks, are refreshed in it. The page itself stays at FOLDER/monitor/sample/dashboard.html.
Needs Chromium.
"""

import csv
import datetime
import random
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
LAST = datetime.datetime(2026, 10, 30, tzinfo=datetime.UTC)
NUM_DAYS, PER_DAY = 400, 12
CALM, BAD = (0.35, 0.4, 0.25), (0.25, 0.3, 0.45)  # shares of positive, neutral, negative
BAD_DAYS = range(300, 321)
WATCH_LIST = """
[patterns]
"banks" = "bank|banks|lender|broker|insurer"
"energy" = "utility|oil|gas|wind|solar|power"
"metals" = "steel|nickel|copper|tin|miner|mining"
"shipping" = "ship|ships|shipping|shipyard|port|ferry"
"retail" = "retailer|store|stores|shop|shops|supermarket"
"""


def main(folder: Path) -> None:
    """Train, refresh, and take the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    write_headlines(folder / "headlines.csv")
    (folder / "watch.toml").write_text(WATCH_LIST)
    textmill = [sys.executable, "-m", "flows.commands"]
    root = ["--runtime.data-root", str(folder)]
    subprocess.run([*textmill, "train", "--preset", "sample", *root], cwd=CHECKOUT, check=True)
    source = ["--collect.source", str(folder / "headlines.csv"), "--collect.name", "sample", "--score.model", "sample@champion"]
    watched = ["--score.watch-list", str(folder / "watch.toml")]
    watched += ["--detect.drift-min-documents", "80"]  # the sample's validation rows are 90
    subprocess.run([*textmill, "refresh", *source, *watched, *root], cwd=CHECKOUT, check=True)
    photograph(folder / "monitor" / "sample" / "dashboard.html", CHECKOUT / "docs" / "dashboard.png")


def write_headlines(path: Path) -> None:
    """Draw the headlines of every day; the same ones each time."""
    source = random.Random(11)
    labels = ("positive", "neutral", "negative")
    texts = {
        label: [p.read_text().strip() for p in sorted((CHECKOUT / "data/sample" / label).glob("*.txt"))] for label in labels
    }
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "text"])
        for day in range(NUM_DAYS):
            start = LAST - datetime.timedelta(days=NUM_DAYS - 1 - day)
            for label in source.choices(
                labels, BAD if day in BAD_DAYS else CALM, k=source.randint(PER_DAY // 2, PER_DAY * 3 // 2)
            ):
                time = start + datetime.timedelta(minutes=source.randrange(6 * 60, 20 * 60))
                rows.writerow([time.isoformat(), source.choice(texts[label])])


def photograph(page: Path, picture: Path) -> None:
    """What the top of the page looks like in a window of 1280 by 1460 pixels."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("chromium is not installed")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=5000"]
    subprocess.run(
        [browser, *flags, f"--screenshot={picture.resolve()}", "--window-size=1280,1460", page.resolve().as_uri()], check=True
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
