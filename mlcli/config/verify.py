"""How close numbers must be that another machine or version computed: the home of these defaults.

They allow for last digits that differ and for what a few thousand operations make of them. A long
training can carry such a difference further, which is for the user to allow.
"""

from __future__ import annotations

# |a - b| <= ABSOLUTE + RELATIVE max(|a|, |b|).
RELATIVE = 1e-6
ABSOLUTE = 1e-9
