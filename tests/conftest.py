"""What all tests share: property tests are not timed by example, since machines are busy at times."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("project", deadline=None)
settings.load_profile("project")
