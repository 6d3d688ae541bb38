"""Make a page about the run: what happened, why, and the network itself to try.

metrics/, analysis/, models/classifier/, data/predictions.parquet, data/reviews/test.parquet -> reports/index.html

The page is one file that loads nothing else. What a run has no data for, the page says.
"""

from sentiment.config import paths
from sentiment.config.evaluation import EvaluationConfig
from sentiment.io.atomic import atomic_write
from sentiment.pipeline.stage import run
from sentiment.report.config import ReportConfig


def main() -> None:
    params, evaluation = ReportConfig.load(), EvaluationConfig.load()

    from sentiment.report import build  # loads torch

    with atomic_write(paths.REPORT) as partial:
        partial.write_text(build.workspace(params, evaluation.threshold), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
