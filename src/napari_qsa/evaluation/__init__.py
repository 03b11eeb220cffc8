"""Runs over data sets: scores by part and grade, comparisons, options chosen out of fold."""
