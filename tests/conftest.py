"""What holds for every test: hypothesis judges results, not how busy the machine is.

The same examples are tried every time, so that a change is judged by what it changed. With
`HYPOTHESIS_PROFILE=explore`, as in `make verify-full`, new examples are drawn.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeat", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))
