"""How close numbers must be that another machine or version computed: the home of these defaults.

They allow for last digits that differ and for what a few thousand operations make of them. Where a
difference of one bit grows without bound, in a training or a fit that is not well conditioned,
means over seeds are compared by their intervals.
"""

from __future__ import annotations

# |a - b| <= ABSOLUTE + RELATIVE max(|a|, |b|).
RELATIVE = 1e-6
ABSOLUTE = 1e-9
