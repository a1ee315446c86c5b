import pytest

from qnas._util.timm_support import import_timm
from qnas.errors import DependencyError


def test_timm_comes_up_with_models_schedulers_and_mixup() -> None:
    timm = import_timm()
    assert "deit_small_patch16_224" in timm.list_models("deit_small*")
    assert import_timm("timm.data").Mixup
    assert import_timm("timm.scheduler").CosineLRScheduler


def test_a_missing_module_names_itself_and_the_remedy() -> None:
    with pytest.raises(DependencyError, match=r"timm\.nowhere.*pip install"):
        import_timm("timm.nowhere")
