"""The kernel's pipeline of scikit-learn in ONNX Runtime. Only the peers' environment has the packages.

ONNX's operator for imputing supports float32 only, and so does skl2onnx's own conversion of the pipeline. For float64
the imputer is converted here, to IsNaN and Where.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from onnxruntime import OrtAllocatorType, OrtMemoryInfo, OrtMemType
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from skl2onnx.proto import onnx_proto
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

onnxruntime.create_and_register_allocator(
    OrtMemoryInfo("Cpu", OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, OrtMemType.DEFAULT), None
)


def phat_of(pipeline: Pipeline, frame: pd.DataFrame, dtype: Any) -> Callable[[], Any]:
    """The pipeline in ONNX Runtime, on one (n, 1) array per column. The label output, which is not used, is removed."""
    number, own = (FloatTensorType, {}) if dtype is np.float32 else (DoubleTensorType, {SimpleImputer: convert_imputer})
    text = (StringTensorType, np.str_)  # read a little faster than arrays of objects
    kinds: dict[str, tuple[Any, Any]] = {"f": (number, dtype), "i": (Int64TensorType, np.int64)}
    chosen = {name: kinds.get(frame[name].dtype.kind, text) for name in frame}
    types = [(name, tensor([None, 1])) for name, (tensor, _) in chosen.items()]
    cells = {name: frame[name].to_numpy(kind).reshape(-1, 1) for name, (_, kind) in chosen.items()}
    options = {id(pipeline): {"zipmap": False}}
    converted = convert_sklearn(pipeline, initial_types=types, options=options, custom_conversion_functions=own)
    graph = select_model_inputs_outputs(converted, "probabilities").SerializeToString()
    session = onnxruntime.InferenceSession(graph, session_options(), providers=["CPUExecutionProvider"])
    return lambda: session.run(None, cells)[0][:, 1]


def session_options() -> onnxruntime.SessionOptions:
    """One thread, and the memory settings that were measured as fastest and smallest."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: it would warn about the removed output
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.use_env_allocators", "1")  # all share the allocator above
    return options


def convert_imputer(_: Any, operator: Any, container: Any) -> None:
    """skl2onnx's conversion of SimpleImputer for float64: the mean where the number is NaN."""
    means = operator.raw_operator.statistics_
    [numbers], [imputed] = operator.input_full_names, operator.output_full_names
    mean, missing = f"{imputed}_mean", f"{imputed}_missing"
    container.add_initializer(mean, onnx_proto.TensorProto.DOUBLE, [1, len(means)], means.tolist())
    container.add_node("IsNaN", [numbers], [missing], op_version=13)
    container.add_node("Where", [missing, mean, numbers], [imputed], op_version=16)
