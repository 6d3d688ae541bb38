"""Build the pages: `workspace` about the run in the workspace."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from sentiment.config import paths
from sentiment.inference import checkpoint
from sentiment.nn import device
from sentiment.report import contents, network, page, plots
from sentiment.report.config import ReportConfig

SECTIONS = [
    ("run", "The run"),
    ("live", "Try the network"),
    ("plots", "Plots"),
    ("reviews", "Reviews"),
    ("behaviour", "Behaviour"),
    ("inside", "Inside the network"),
    ("again", "Run it again"),
]


def workspace(config: ReportConfig, threshold: float) -> str:
    """Return the page about the run in the workspace. Raises InputError where a file of the run is missing."""
    with ThreadPoolExecutor(1) as other:
        drawings = other.submit(plots.draw)  # DVC takes two seconds, most of them in a process of its own
        cpu = torch.device("cpu")
        device.configure_torch(cpu, 1)
        trained = checkpoint.load(paths.MODEL, cpu)
        values = contents.gather(trained, drawings.result, config, threshold)
    return html(trained, values)


def html(trained: checkpoint.Checkpoint, values: dict[str, Any]) -> str:
    """Return the page with these values, and the network in it if it can run there."""
    data = None
    if not values["live"]["reason"]:
        data = {
            "network": network.as_json(trained),
            "threshold": values["live"]["threshold"],
            "walks": [walk.steps for walk in values["walks"]],
        }
    return page.render("index.html", values, SECTIONS, data)
