"""Comparing systems: trained under one budget, scored on one data set, timed in one run, in one table.

What is finished is known by its content (weights, data, settings): a comparison that was killed goes on where it was.
"""

from vidseg.compare.plan import Plan, PlannedData, System
from vidseg.compare.reading import read_plan
from vidseg.compare.running import STEPS, Outcome, compare

__all__ = ["STEPS", "Outcome", "Plan", "PlannedData", "System", "compare", "read_plan"]
