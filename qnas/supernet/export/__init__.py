"""Exports of a subnet: `integer.to_integer`, `qonnx.to_qonnx`, `timm_export.state_dict`."""
