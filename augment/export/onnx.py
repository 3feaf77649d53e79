"""Writes a graph of graphs.py as an ONNX file with a dynamic batch axis.

Before the file gets its name, onnxruntime must give the same numbers as torch, for batches of one
and of three. This is the only module that imports onnx, onnxruntime and onnxscript.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from augment.files import whole

OPSET = 20  # the first that supports the modes of grid_sample in use
TOLERANCE = 1e-3
CHECKED = (1, 3)  # batch sizes
PRODUCER = "reid-augment"


def check_installed() -> None:
    """Check that the packages for the export are installed.

    Raises:
        ValueError: If one is missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"this needs onnx, onnxruntime and onnxscript ({error}): pip install reid-augment[onnx]"
        ) from error


def write(graph: Any, file: Path) -> float:
    """Export a ReidGraph or GeneratorGraph to `file`.

    Returns:
        The largest difference between the outputs of onnxruntime and torch.

    Raises:
        ValueError: If a package is missing, the graph cannot be exported, or onnxruntime gives
            other numbers; no file is written then.
    """
    check_installed()
    import onnx

    model = _translated(graph)
    _strip(model)
    _name_batch(model)
    model.producer_name, model.producer_version = PRODUCER, ""
    described = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in graph.about.items()
    }
    onnx.helper.set_model_props(model, described | {"made_by": PRODUCER})
    onnx.checker.check_model(model)
    with whole(file) as temporary:
        onnx.save(model, temporary)
        worst = max(_difference(graph, temporary, number) for number in CHECKED)
        if not worst <= TOLERANCE:  # so that NaN fails
            raise ValueError(
                f"{file}: not written: {graph.output} of onnxruntime and torch differ by {worst:.2g}, more than {TOLERANCE:g}"
            )
    return worst


def run(file: Path, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The first output of an ONNX file by onnxruntime, on the CPU."""
    return _session(file).run(None, dict(inputs))[0]


def metadata(file: Path) -> dict[str, str]:
    """The metadata that `write` has put into a file."""
    return dict(_session(file).get_modelmeta().custom_metadata_map)


def _session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 2, 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _translated(graph: Any) -> Any:
    from onnxscript import optimizer

    inputs = graph.inputs(2)
    dynamic = {name: {0: torch.export.Dim("batch", min=1)} for name in inputs}
    try:
        with torch.no_grad():
            program = torch.export.export(graph, (), inputs, dynamic_shapes=dynamic, strict=False)
            exported = torch.onnx.export(
                program,
                (),
                dynamo=True,
                opset_version=OPSET,
                output_names=[graph.output],
                optimize=False,
                verbose=False,
            )
    except (
        RuntimeError,
        torch.onnx.errors.OnnxExporterError,
        torch._dynamo.exc.UserError,  # pyright: ignore[reportAttributeAccessIssue]
    ) as error:
        reason = [*str(error).strip().splitlines(), type(error).__name__][0]
        raise ValueError(f"{graph.about['model']} cannot be exported: {reason}") from error
    assert exported is not None  # None without dynamo
    # Its whole optimiser takes four times as long as the rest for SPT's graph; runtimes do the other
    # optimisations themselves.
    optimizer.fold_constants(exported.model)
    optimizer.remove_unused_nodes(exported.model)
    return exported.model_proto


def _strip(model: Any) -> None:
    """Remove each node's place in our source, which holds paths of this machine.

    With it, the file would have other bytes on every machine.
    """
    values = (
        model.graph.input,
        model.graph.output,
        model.graph.value_info,
        model.graph.initializer,
    )
    for part in (
        model.graph,
        *model.functions,
        *model.graph.node,
        *(value for kind in values for value in kind),
    ):
        part.doc_string = ""
        del part.metadata_props[:]
    for function in model.functions:
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]


def _name_batch(model: Any) -> None:
    """Name the first axis `batch` instead of by the exporter's symbol."""
    symbol = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_param = re.sub(rf"\b{symbol}\b", "batch", axis.dim_param)


def _difference(graph: Any, file: Path, number: int) -> float:
    inputs = graph.inputs(number)
    with torch.no_grad():
        expected = graph(**inputs).numpy()
    result = run(file, {name: value.numpy() for name, value in inputs.items()})
    if result.shape != expected.shape:
        return float("inf")
    return float(np.abs(result - expected).max())
