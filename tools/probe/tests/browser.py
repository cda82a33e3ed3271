"""The pages of the probe in a real browser: they load nothing, show all plots without an error, fit
on a phone, can be read in both themes, and tell what is under the pointer.

scripts/check-report.sh runs it. The pictures in --out are for people.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from PIL import Image
from playwright.sync_api import sync_playwright

WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
SCREENS = {
    "light": {"color_scheme": "light", "viewport": WIDE},
    "dark": {"color_scheme": "dark", "viewport": WIDE},
    "light-phone": {"color_scheme": "light", "viewport": PHONE, "device_scale_factor": 2},
    "dark-phone": {"color_scheme": "dark", "viewport": PHONE, "device_scale_factor": 2},
}

# The plots of each page, by the headings of their sections.
PLOTS = {
    "report": {"Percentiles": 1, "Over time": 1, "Histogram": 1, "By connection": 1},
    "compare": {
        "Percentiles": 1,
        "Over time": 2,
        "Histogram": 1,
        "By address": 2,
        "By connection": 2,
    },
}

# What people read must have this contrast to what is behind it (WCAG 2.2, 1.4.3).
LEAST_CONTRAST = 4.5

CONTRAST = """() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const part = (c) => (c / 255 <= 0.04045 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(at).backgroundColor);
      if (a > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  const isText = (node) => [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim());
  for (const node of document.querySelectorAll("main *")) {
    if (!isText(node) || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const [one, other] = [numbers(node.closest("svg") ? style.fill : style.color), ground(node)];
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    found.push([(high + 0.05) / (low + 0.05), node.textContent.trim().slice(0, 40)]);
  }
  return found;
}"""


def start_venue(arguments, *options):
    """A mock venue, and its ready line; `None` if it cannot listen where it is to."""
    command = [arguments.venue, "--exit-with-parent", "--max-seconds", "120", *options]
    pipe = subprocess.PIPE
    venue = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    line = venue.stdout.readline()
    return venue, json.loads(line) if line else None


def start_two(arguments):
    """Two venues on one port of two addresses, of which the second one is slower."""
    for _ in range(20):
        first, ready = start_venue(arguments)
        port = ready["url"].rsplit(":", 1)[1]
        slow = ["--listen", f"127.0.0.2:{port}", "--fault", "delay=2ms"]
        second, other = start_venue(arguments, *slow)
        if other:
            return [first, second], ready
        # The port is taken there.
        stop([first, second])
    raise RuntimeError("no port is free on both addresses")


def stop(venues):
    """Ends venues, and waits for their end."""
    for venue in venues:
        venue.stdin.close()
        venue.wait()


def post(control, path):
    """Asks the control server of a venue for something."""
    urllib.request.urlopen(urllib.request.Request(control + path, method="POST")).read()


def measure(arguments, name, ready, options, happen=()):
    """Runs the probe against a venue; `happen`: what is asked of the venue, and after how long."""
    folder = arguments.out / name
    command = [arguments.probe, ready["url"] + "/api/v3/time"]
    if ready["ca"]:
        command += ["--ca-file", ready["ca"]]
    run = subprocess.Popen(command + ["--out", str(folder), *options], stdout=subprocess.DEVNULL)
    for after, path in happen:
        time.sleep(after)
        post(ready["control"], path)
    assert run.wait() == 0, "the probe has failed"
    return folder / "run.json"


def fault(spec):
    """The request for a fault."""
    return "/fault?spec=" + urllib.parse.quote(spec)


def pages(arguments):
    """Makes a page of one run in which everything happens, and one of two runs."""
    venue, ready = start_venue(arguments, "--tls", "--cert-dir", str(arguments.out))
    eventful = measure(
        arguments,
        "report",
        ready,
        ["--connections", "4", "--rate", "250", "--duration", "8s", "--max-age", "3500ms"],
        [
            (2.6, "/kill?count=2"),
            (1.2, fault("delay=15ms,first:40")),
            (1.6, fault("status=429,retry-after:1,first:1")),
        ],
    )
    stop([venue])
    venues, ready = start_two(arguments)
    options = ["--rate", "250", "--duration", "5s", "--addresses", "127.0.0.1,127.0.0.2"]
    quiet = measure(arguments, "second", ready, options)
    stop(venues)
    compared = arguments.out / "compare.html"
    command = [arguments.probe, "compare", str(eventful), str(quiet), "--html", str(compared)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    run = json.loads(eventful.read_text())
    for what in ["heals", "rotations", "pauses"]:
        assert run["counts"][what] > 0, f"the run has no {what}"
    return {"report": eventful.parent / "report.html", "compare": compared}


def check_plots(page, name):
    """Each plot is there, has its words, and says what is under the pointer."""
    for title, count in PLOTS[name].items():
        section = page.locator("section", has=page.locator("h2", has_text=title)).first
        plots = section.locator(".plot")
        assert plots.count() == count, f"{name}: {title} has {plots.count()} plots"
        for plot in plots.all():
            assert len(plot.locator("svg").get_attribute("aria-label")) > 20, title
            plot.scroll_into_view_if_needed()
            box = plot.bounding_box()
            # There is something in each plot, also in one of a single row.
            page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.3)
            tip = page.locator("#tip")
            assert tip.is_visible() and "undefined" not in tip.inner_text(), title
            assert "NaN" not in plot.inner_html(), f"{title} has what is no number"
    page.mouse.move(0, 0)


def check_controls(page):
    """Each switch and each choice changes its plot."""
    for control in page.locator("section select, section input").all():
        plot = control.locator("xpath=ancestor::section").locator(".plot").first
        before = plot.inner_html()
        if control.evaluate("node => node.tagName") == "SELECT":
            control.select_option(index=1)
        else:
            control.click()
        assert plot.inner_html() != before, "a control changes nothing"
        assert "NaN" not in plot.inner_html()


def check(page, name, screen, folder):
    """All of one page on one screen."""
    faults, loaded = [], []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text))
    page.on("request", lambda request: loaded.append(request.url))
    page.goto(folder[name].resolve().as_uri())
    page.wait_for_selector("footer")
    page.screenshot(path=str(folder["out"] / f"{name}-{screen}.png"), full_page=True)
    over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert over <= 0, f"{name} is {over} pixels too wide on {screen}"
    pale = [one for one in page.evaluate(CONTRAST) if one[0] < LEAST_CONTRAST]
    assert not pale, f"{name}, {screen}: hard to read: {pale[:5]}"
    check_plots(page, name)
    check_controls(page)
    outside = [url for url in loaded if not url.startswith(("file:", "data:"))]
    assert not faults and not outside, f"{name}, {screen}: {faults} {outside}"


def keep_screenshots(folder, target):
    """The pictures of the documents: the light page, and the dark one beside a phone."""
    target.mkdir(parents=True, exist_ok=True)
    height = 1330
    light = Image.open(folder / "report-light.png").crop((0, 0, 1200, height))
    dark = Image.open(folder / "report-dark.png").crop((0, 0, 1200, height))
    phone = Image.open(folder / "report-dark-phone.png")
    phone = phone.resize((390, phone.height // 2)).crop((0, 0, 390, height))
    both = Image.new("RGB", (1200 + 390 + 20, height), (90, 96, 104))
    both.paste(dark, (0, 0))
    both.paste(phone, (1220, 0))
    for name, picture in [("report-light", light), ("report-dark-phone", both)]:
        # The octree keeps colours that few pixels have, such as those of the marks.
        small = picture.convert("RGB").quantize(255, Image.Quantize.FASTOCTREE)
        small.save(target / f"{name}.png", optimize=True)


def main():
    """Makes the pages, looks at each on each screen, and says so."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ["--browser", "--venue", "--probe"]:
        parser.add_argument(option, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--screenshots", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    made = pages(arguments)
    with sync_playwright() as playwright:
        # In a container Chromium's own sandbox cannot start; the pages are ours.
        browser = playwright.chromium.launch(
            executable_path=arguments.browser, args=["--no-sandbox"]
        )
        for screen, settings in SCREENS.items():
            for name in made:
                context = browser.new_context(**settings)
                check(context.new_page(), name, screen, {**made, "out": arguments.out})
                context.close()
        browser.close()
    if arguments.screenshots:
        keep_screenshots(arguments.out, arguments.screenshots)
    print(f"check-report: {len(made)} pages on {len(SCREENS)} screens; pictures in {arguments.out}")


if __name__ == "__main__":
    sys.exit(main())
