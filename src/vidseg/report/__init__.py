"""Reports: one HTML file that shows scores and videos of several models beside each other, and needs nothing else."""

from vidseg.report.results import Entry, read_result, short_names
from vidseg.report.writing import ReportConfig, write_report

__all__ = ["Entry", "ReportConfig", "read_result", "short_names", "write_report"]
