"""Pictures of the report's pages, as they are printed, for the documentation: ``make reports``.

Called as ``python -m tests.ui.reports FOLDER WORKSPACE HOME RELEASE``, where the workspace is that
of ``make demo``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.ui.conftest import CHROMIUM
from tests.ui.screens import shrink

SHEET = {"width": 794, "height": 1123}
"""A4 in pixels of CSS."""
ON_PAPER = "@page { margin: 0 } html { zoom: 1 } body { padding: 11mm 12mm !important }"


def main(target: Path, workspace: Path, home: Path, release: str) -> int:
    """Write the report and photograph its pages; returns the exit code."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        sys.stderr.write("No pictures were taken: there is no Chromium here\n")
        return 1
    command = [sys.executable, "-m", "governed_kernel", "--workspace", str(workspace)]
    written = subprocess.run(
        [*command, "audit", "report", release, "--html", "--json"],
        env={**os.environ, "GOVERNED_HOME": str(home)},
        check=True,
        capture_output=True,
    )
    target.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport=SHEET, device_scale_factor=1.5)  # type: ignore[arg-type]
        page.emulate_media(media="print")
        for file in json.loads(written.stdout)["pages"]:
            page.goto(Path(file).as_uri())
            page.add_style_tag(content=ON_PAPER)
            path = target / f"{Path(file).stem}.png"
            page.screenshot(path=path)
            shrink(path)
            sys.stdout.write(f"{path}\n")
        browser.close()
    return 0


if __name__ == "__main__":
    folder, place, people, name = sys.argv[1:]
    raise SystemExit(main(Path(folder), Path(place), Path(people), name))
