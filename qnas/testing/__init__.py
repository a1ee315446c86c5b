"""Contract suites: tests that every device, objective or space must pass, to inherit from.

    from qnas.testing import ObjectiveContract

    class TestWeightBytes(ObjectiveContract):
        @pytest.fixture
        def objective(self):
            return WEIGHT_BYTES

Needs pytest. The devices, objectives and spaces of qnas pass the same suites.
"""

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{x}" for x in ("devices", "objectives", "spaces")))

from qnas.testing.devices import DeviceContract  # noqa: E402  (asserts are rewritten on import)
from qnas.testing.objectives import ObjectiveContract  # noqa: E402
from qnas.testing.spaces import SpaceContract  # noqa: E402

__all__ = ["DeviceContract", "ObjectiveContract", "SpaceContract"]
