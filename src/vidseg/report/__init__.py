"""Reports: one HTML file that shows scores and videos of several models beside each other, and needs nothing else."""

from vidseg.report.one_file import Asset, one_file
from vidseg.report.results import Entry, read_result, short_names
from vidseg.report.writing import ReportConfig, write_report

__all__ = ["Asset", "Entry", "ReportConfig", "one_file", "read_result", "short_names", "write_report"]
