"""Contract suites: what every device, objective and space must hold, as tests to inherit.

    from qnas.testing import ObjectiveContract

    class TestWeightBytes(ObjectiveContract):
        @pytest.fixture
        def objective(self):
            return WEIGHT_BYTES

Needs pytest. The suites that come with qnas's own devices, objectives and spaces are these.
"""

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{x}" for x in ("devices", "objectives", "spaces")))

from qnas.testing.devices import DeviceContract  # noqa: E402  (asserts are rewritten on import)
from qnas.testing.objectives import ObjectiveContract  # noqa: E402
from qnas.testing.spaces import SpaceContract  # noqa: E402

__all__ = ["DeviceContract", "ObjectiveContract", "SpaceContract"]
