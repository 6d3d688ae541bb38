"""Make a page about the run: what happened, why, and the network itself to try.

metrics/, analysis/, models/classifier/, data/predictions.parquet, data/reviews/test.parquet -> reports/index.html

The page is one file that loads nothing else, and says what the run has no data for. With `report.reviews: 0`, a note
takes its place, in one second instead of eight.
"""

from sentiment.config import paths
from sentiment.config.evaluation import EvaluationConfig
from sentiment.io.atomic import atomic_write
from sentiment.pipeline.stage import run
from sentiment.report.config import ReportConfig

NO_PAGE = "<!doctype html>\n<title>No report</title>\n<p>No report: report.reviews is 0 in params.yaml.</p>\n"


def main() -> None:
    params, evaluation = ReportConfig.load(), EvaluationConfig.load()

    if params.reviews:
        from sentiment.report import build  # loads torch

        page = build.workspace(params, evaluation.threshold)
    else:
        page = NO_PAGE
    with atomic_write(paths.REPORT) as partial:
        partial.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
