"""Statistics of what people and models say: intervals, agreement, and how far to trust each rater. Pure.

All but `intervals` needs the extra `statistics`.
"""
