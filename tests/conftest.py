"""What all tests share: property tests are not timed by example, since machines are busy at times.

With `CI` in the environment they try the same examples every time, so that a change is judged by what it changed; at a
desk each run tries new ones, and what it finds is kept and tried again.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("project", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "project")
