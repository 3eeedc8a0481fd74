"""A page as PDF, printed by a browser that is installed."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from vistoria.errors import ConfigError, UserError

BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge", "msedge",
)  # fmt: skip
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
_PATIENCE = 120  # seconds


def find_browser(wanted: str | None = None) -> str:
    """The path of `wanted`, or of the first browser found that can print without a window; raises
    ConfigError that says what to install."""
    names = (wanted,) if wanted else (*BROWSERS, *_PLACES)
    for name in names:
        if found := shutil.which(name):
            return found
    missing = f"there is no browser {wanted!r}" if wanted else "no Chromium or Chrome is installed"
    raise ConfigError(
        f"{missing}, and one is needed to print a PDF; install it (Debian: apt install chromium; "
        "macOS: brew install --cask chromium), name it with --browser, or write report.html and "
        "print that yourself",
        looked_at=names,
    )


def print_pdf(page: Path, target: Path, browser: str | None = None) -> None:
    """Prints a page (HTML file) to `target`, which appears only when complete.

    Raises ConfigError without a browser, UserError where it cannot print.
    """
    found = find_browser(browser)
    with TemporaryDirectory() as folder:
        part = Path(folder) / "report.pdf"
        command = [
            found, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions",
            f"--user-data-dir={folder}/profile", "--no-pdf-header-footer",
            f"--print-to-pdf={part}", page.absolute().as_uri(),
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            # Chromium's sandbox does not start for root; the page is ours and runs no script.
            command.insert(1, "--no-sandbox")
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_PATIENCE, check=False, text=True
            )
        except subprocess.TimeoutExpired:
            raise UserError(f"{found} did not print within {_PATIENCE} seconds") from None
        if not part.exists() or not part.stat().st_size:
            said = (done.stderr or done.stdout).strip().splitlines()
            last = said[-1] if said else f"exit code {done.returncode}"
            raise UserError(f"{found} printed nothing: {last}; name another with --browser")
        shutil.copyfile(part, target)
